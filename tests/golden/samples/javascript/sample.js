'use strict';

/**
 * A small HTTP router: patterns with parameters, middleware, and error handlers.
 */
const http = require('http');
const { URL } = require('url');

/** Methods a route may answer. */
const METHODS = Object.freeze({ GET: 'GET', POST: 'POST', DELETE: 'DELETE' });
const STATUS = {
  Ok: 200, // the route answered
  NotFound: 404,
};
const PARAMETER = /^:(\w+)$/;
let nextRouteId = 1;

/**
 * One pattern and what answers it.
 * Segments that begin with a colon match anything.
 */
class Route {
  static created = 0;
  #segments;

  constructor(method, pattern, handler) {
    this.id = nextRouteId++;
    this.method = method;
    this.handler = handler;
    this.#segments = splitPath(pattern);
    Route.created += 1;
    this.toString = () => `${method} ${pattern}`;
  }

  // Number of segments that must be equal, used to order routes.
  get weight() {
    return this.#segments.filter((segment) => !PARAMETER.test(segment)).length;
  }

  /** Returns the parameters, or null where the path does not fit. */
  match(path) {
    const parts = splitPath(path);
    if (parts.length !== this.#segments.length) return null;
    const found = {};
    for (const [index, segment] of this.#segments.entries()) {
      const name = PARAMETER.exec(segment);
      if (name) found[name[1]] = decodeURIComponent(parts[index]);
      else if (segment !== parts[index]) return null;
    }
    return found;
  }

  handle = async (request, response) => this.handler(request, response);
}

class RouteError extends Error {}

function splitPath(path) {
  return path.split('/').filter(Boolean);
}

/** Yields the routes of a method, the most specific first. */
function* candidates(routes, method) {
  yield* routes.filter((route) => route.method === method).sort((a, b) => b.weight - a.weight);
}

// Parses a JSON body; an empty one is undefined.
const readJson = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length ? JSON.parse(Buffer.concat(parts).toString('utf8')) : undefined;
};

const once = (fn) => {
  let called = false;
  return function guarded(...args) {
    if (called) throw new RouteError('next() was called twice');
    called = true;
    return fn(...args);
  };
};

/**
 * Collects routes and middleware.
 * @param {object} options Limits.
 */
function Router(options) {
  this.routes = [];
  this.middleware = [];
  this.maxUrl = (options && options.maxUrl) || 2048;
}

/** Adds a step that runs before every route. */
Router.prototype.use = function (step) {
  this.middleware.push(step);
  return this;
};

Router.prototype.add = function add(method, pattern, handler) {
  if (!METHODS[method]) throw new RouteError(`unknown method ${method}`);
  this.routes.push(new Route(method, pattern, handler));
  return this;
};

/**
 * Answers one request: runs the middleware in order, then the first route that matches, and turns
 * whatever is thrown on the way into a response.
 */
Router.prototype.dispatch = async function (request, response) {
  const url = new URL(request.url, 'http://localhost');
  request.path = url.pathname;
  request.query = Object.fromEntries(url.searchParams);
  if (request.url.length > this.maxUrl) {
    response.writeHead(414, { 'content-type': 'text/plain' });
    response.end('address too long');
    return;
  }
  const run = async (index) => {
    // Past the last step come the routes.
    if (index < this.middleware.length) {
      await this.middleware[index](request, response, once(() => run(index + 1)));
      return;
    }
    for (const route of candidates(this.routes, request.method)) {
      const parameters = route.match(request.path);
      if (parameters) {
        request.params = parameters;
        response.statusCode = STATUS.Ok;
        await route.handle(request, response);
        return;
      }
    }
    response.writeHead(STATUS.NotFound, { 'content-type': 'text/plain' });
    response.end(`nothing at ${request.path}`);
  };
  try {
    await run(0);
  } catch (error) {
    if (response.headersSent) {
      response.destroy(error);
      return;
    }
    const status = error instanceof SyntaxError ? 400 : error instanceof RouteError ? 500 : error.status || 500;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: error.name, message: status < 500 ? error.message : 'internal error' }));
  }
};

const presets = {
  /** Writes a line for each request. */
  logger(write) {
    return async (request, response, next) => {
      await next();
      write(`${request.method} ${request.path} ${response.statusCode}`);
    };
  },
  json: async (request, response, next) => {
    request.body = await readJson(request);
    await next();
  },
};

exports.Router = Router;
exports.presets = presets;
exports.listen = function (router, port) {
  return http.createServer((request, response) => router.dispatch(request, response)).listen(port);
};
