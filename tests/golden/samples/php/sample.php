<?php

declare(strict_types=1);

namespace Harbor\Routing;

use Closure;
use InvalidArgumentException;
use Harbor\Http\{Request, Response};

use function array_map;

require_once __DIR__ . '/polyfill.php';

const DEFAULT_PATTERN = '[^/]+';

/** How a request is asked for. */
enum Method: string
{
    case Get = 'GET';
    case Post = 'POST';
    case Delete = 'DELETE';

    /** Whether a request of this kind may change anything. */
    public function isSafe(): bool
    {
        return $this === self::Get;
    }
}

/** Stands between a request and its handler. */
interface Middleware
{
    public function process(Request $request, Closure $next): Response;
}

/** Keeps what was said while routes were matched. */
trait Traces
{
    /** @var list<string> */
    private array $trace = [];

    protected function trace(string $line): void
    {
        $this->trace[] = $line;
    }
}

/** A path with placeholders, and what answers it. */
final class Route
{
    public const SEPARATOR = '/';

    private ?string $compiled = null;

    /** @param array<string, string> $patterns */
    public function __construct(
        public readonly Method $method,
        public readonly string $path,
        private readonly Closure $handler,
        private array $patterns = [],
    ) {
        if (!str_starts_with($path, self::SEPARATOR)) {
            throw new InvalidArgumentException("A path begins with a slash: $path");
        }
    }

    /** Limit a placeholder to what a pattern matches. */
    public function where(string $name, string $pattern): static
    {
        $this->patterns[$name] = $pattern;
        $this->compiled = null;

        return $this;
    }

    /**
     * Match a path and give the values of its placeholders.
     *
     * @return array<string, string>|null nothing where the path is another one
     */
    public function match(string $path): ?array
    {
        $this->compiled ??= $this->compile();
        if (preg_match($this->compiled, $path, $found) !== 1) {
            return null;
        }

        return array_filter($found, is_string(...), ARRAY_FILTER_USE_KEY);
    }

    public function run(Request $request): Response
    {
        return ($this->handler)($request);
    }

    private function compile(): string
    {
        $replace = fn (array $hit): string => sprintf('(?<%s>%s)', $hit[1], $this->patterns[$hit[1]] ?? DEFAULT_PATTERN);

        return '#^' . preg_replace_callback('/\{(\w+)\}/', $replace, $this->path) . '$#';
    }
}

#[Service(shared: true)]
class Router extends Collection implements Middleware, \Countable
{
    use Traces;

    /** @var list<Route> */
    private array $routes = [];

    public static function fromArray(array $table): static
    {
        $router = new static();
        array_map(fn (array $row) => $router->add(...$row), $table);

        return $router;
    }

    public function add(Method $method, string $path, callable $handler): Route
    {
        return $this->routes[] = new Route($method, $path, Closure::fromCallable($handler));
    }

    public function process(Request $request, Closure $next): Response
    {
        foreach ($this->routes as $route) {
            $values = $route->match($request->path());
            if ($values !== null && $route->method === $request->method()) {
                $this->trace("matched {$route->path}");

                return $route->run($request->withAttributes($values));
            }
        }

        return $next($request);
    }

    public function count(): int
    {
        return \count($this->routes);
    }
}

/** Build a link from a path and the values of its placeholders. */
function link_to(string $path, array $values): string
{
    return strtr($path, array_combine(array_map(fn ($key) => "{{$key}}", array_keys($values)), $values));
}

$fallback = static function (Request $request): Response {
    return Response::empty(404);
};
