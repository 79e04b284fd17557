# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes and remote methods that code serves and calls, framework by framework."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.parsing.endpoints.paths import called_path, pattern_path, route_path
from conexus.parsing.languages import BY_NAME
from conexus.parsing.parse import parse_text
from conexus.types import Endpoint, EndpointSide


def endpoints(language: str, text: str) -> tuple[Endpoint, ...]:
    """What a file in a language serves and calls."""
    return parse_text(textwrap.dedent(text).removeprefix("\n"), BY_NAME[language], 1500).endpoints


def told(found: tuple[Endpoint, ...]) -> list[str]:
    """What is served (``+``) and called (``>``), with lines."""
    signs = {EndpointSide.SERVES: "+", EndpointSide.CALLS: ">"}
    return [f"{signs[one.side]} {one.method} {one.path} @{one.line}" for one in found]


CASES: dict[str, tuple[str, str, list[str]]] = {
    "flask": (
        "python",
        """
        bp = Blueprint("users", __name__, url_prefix="/api")

        @bp.route("/users/<int:user_id>", methods=["GET", "DELETE"])
        def user(user_id): ...

        @app.route("/")
        def home(): ...

        @app.get("/items/<path:rest>/")
        def items(rest): ...

        app.add_url_rule("/about", view_func=about)
        app.register_blueprint(admin, url_prefix="/admin")

        @admin.post("/log")
        def log(): ...

        @cache.get("no path")
        def nothing(): ...
        """,
        [
            "+ DELETE /api/users/{} @3",
            "+ GET /api/users/{} @3",
            "+ GET / @6",
            "+ GET /items/{} @9",
            "+ GET /about @12",
            "+ POST /admin/log @15",
        ],
    ),
    "fastapi": (
        "python",
        """
        router = APIRouter(prefix="/v1")
        app.include_router(router, prefix="/api")

        @router.get("/users/{user_id}", response_model=User)
        async def user(user_id: int): ...

        @app.api_route("/any", methods=["PUT"])
        async def anything(): ...

        routes = [Route("/star", endpoint=star), Mount("/static", app=files)]
        """,
        ["+ GET /api/v1/users/{} @4", "+ PUT /any @7", "+ GET /star @10"],
    ),
    "aiohttp": (
        "python",
        """
        app.router.add_get("/a/{name}", handler)
        app.router.add_route("POST", "/b", handler)
        async with session.get(f"{BASE}/users/{user}?page=1") as answer: ...
        async with session.request("PUT", "http://shop:8080/items") as answer: ...
        """,
        ["+ GET /a/{} @1", "+ POST /b @2", "> GET /users/{} @3", "> PUT /items @4"],
    ),
    "django": (
        "python",
        r"""
        from django.urls import include, path, re_path

        urlpatterns = [
            path("users/<int:pk>/", UserView.as_view()),
            re_path(r"^articles/(?P<year>[0-9]{4})/$", views.year),
            path("blog/", include("blog.urls")),
        ]
        router.register("orders", OrderViewSet)
        """,
        ["+ * /users/{} @4", "+ * /articles/{} @5", "+ * /orders @8", "+ * /orders/{} @8"],
    ),
    "requests": (
        "python",
        """
        BASE = "https://shop.example.org/api"
        requests.get(BASE + "/users")
        requests.post("https://shop.example.org/users/%s/cart" % user, json={})
        httpx.get("https://shop.example.org/items/{}".format(item))
        self.client.delete(f"/items/{item}")
        urlopen("https://shop.example.org/feed#top")
        settings.get("/not/a/client")
        requests.get(url)
        """,
        [
            "> GET /api/users @2",
            "> POST /users/{}/cart @3",
            "> GET /items/{} @4",
            "> DELETE /items/{} @5",
            "> GET /feed @6",
        ],
    ),
    "express": (
        "javascript",
        """
        app.use('/api', router);
        router.get('/users/:id', auth, (req, res) => {});
        app.post("/login", login);
        app.route('/cart').get(show).put(save);
        app.all('/any', (req, res) => {});
        cache.get('/users');
        app.get('env');
        """,
        [
            "+ GET /api/users/{} @2",
            "+ POST /login @3",
            "+ GET /cart @4",
            "+ PUT /cart @4",
            "+ * /any @5",
        ],
    ),
    "fastify": (
        "javascript",
        "fastify.route({ method: ['GET', 'HEAD'], url: '/x/:id', handler })\n",
        ["+ GET /x/{} @1", "+ HEAD /x/{} @1"],
    ),
    "nest": (
        "typescript",
        """
        @Controller('users')
        export class UsersController {
          @Get(':id')
          one(@Param('id') id: string) {}

          @Post()
          add() {}
        }
        """,
        ["+ GET /users/{} @3", "+ POST /users @6"],
    ),
    "fetch": (
        "typescript",
        """
        const API = "/api/v2";
        await fetch(`${API}/users/${id}`, { method: "POST" });
        await fetch(`${process.env.HOST}/users?x=${y}`);
        await axios.put("https://shop/items/" + id, body);
        await axios({ url: "/login", method: "post" });
        this.http.get<User>(`/me`);
        $.ajax({ url: "/old", type: "DELETE" });
        """,
        [
            "> POST /api/v2/users/{} @2",
            "> GET /users @3",
            "> PUT /items/{} @4",
            "> POST /login @5",
            "> GET /me @6",
            "> DELETE /old @7",
        ],
    ),
    "vue": (
        "vue",
        """
        <template><p/></template>
        <script setup>
        fetch("/api/cart")
        </script>
        """,
        ["> GET /api/cart @3"],
    ),
    "go": (
        "go",
        """
        package main

        func main() {
        \thttp.HandleFunc("/healthz", h)
        \tmux.Handle("GET /users/{id}", h)
        \tr.HandleFunc("/gorilla/{id:[0-9]+}", h).Methods("PUT", http.MethodPost)
        \tapi := e.Group("/api")
        \tapi.GET("/items/:id", h)
        \tr.Route("/v1", func(r chi.Router) {
        \t\tr.Get("/books", h)
        \t})
        \thttp.Get("https://shop/feed?x=1")
        \thttp.NewRequest(http.MethodDelete, base+"/items/"+id, nil)
        \thttp.NewRequestWithContext(ctx, "PATCH", fmt.Sprintf("%s/users/%d", base, id), nil)
        }
        """,
        [
            "+ * /healthz @4",
            "+ GET /users/{} @5",
            "+ POST /gorilla/{} @6",
            "+ PUT /gorilla/{} @6",
            "+ GET /api/items/{} @8",
            "+ GET /v1/books @10",
            "> GET /feed @12",
            "> DELETE /items/{} @13",
            "> PATCH /users/{} @14",
        ],
    ),
    "spring": (
        "java",
        """
        @RestController
        @RequestMapping("/api/users")
        class Users {
          @GetMapping("/{id}")
          User one() { return rest.getForObject("http://shop/items/" + id, User.class); }

          @RequestMapping(path = "/find", method = {RequestMethod.GET, RequestMethod.POST})
          User find() { return client.get().uri("/stock/{id}", id); }

          @PostMapping
          void add() { template.exchange("/x", HttpMethod.PUT, null, User.class); }
        }
        """,
        [
            "+ GET /api/users/{} @4",
            "> GET /items/{} @5",
            "+ GET /api/users/find @7",
            "+ POST /api/users/find @7",
            "> GET /stock/{} @8",
            "+ POST /api/users @10",
            "> PUT /x @11",
        ],
    ),
    "jax-rs, feign and retrofit": (
        "java",
        """
        @Path("/orders")
        class Orders {
          @GET @Path("{id}") Order one() {}
          @DELETE void all() {}
        }
        @FeignClient(name = "shop", path = "/shop")
        interface Shop {
          @GetMapping("/cart/{id}") Cart cart();
        }
        interface Hub {
          @GET("users/{user}/repos") Call repos();
        }
        """,
        ["+ GET /orders/{} @3", "+ DELETE /orders @4", "> GET /shop/cart/{} @8", "> GET /users/{}/repos @11"],
    ),
    "asp.net": (
        "csharp",
        """
        [ApiController]
        [Route("api/[controller]")]
        public class UsersController {
          [HttpGet("{id:int}")] public User One(int id) { }
          [HttpPost] public void Add() { }
        }
        var group = app.MapGroup("/v1");
        group.MapGet("/items/{id}", (int id) => id);
        await client.GetAsync($"https://shop/cart/{id}");
        await http.PostAsJsonAsync("/orders", order);
        new HttpRequestMessage(HttpMethod.Put, "/x");
        """,
        [
            "+ GET /api/users/{} @4",
            "+ POST /api/users @5",
            "+ GET /v1/items/{} @8",
            "> GET /cart/{} @9",
            "> POST /orders @10",
            "> PUT /x @11",
        ],
    ),
    "rails": (
        "ruby",
        """
        Rails.application.routes.draw do
          root "home#index"
          get "/about", to: "pages#about"
          namespace :api do
            resources :users, only: [:index, :show] do
              member { post :ban }
              resources :posts, only: :create
            end
          end
          match "/old", to: "x#y", via: [:get, :put]
        end
        """,
        [
            "+ GET / @2",
            "+ GET /about @3",
            "+ GET /api/users @5",
            "+ GET /api/users/{} @5",
            "+ POST /api/users/{}/ban @6",
            "+ POST /api/users/{}/posts @7",
            "+ GET /old @10",
            "+ PUT /old @10",
        ],
    ),
    "sinatra": (
        "ruby",
        """
        get '/hello/:name' do
          Faraday.get("https://shop/items/#{id}")
          Net::HTTP.get(URI("https://shop/feed"))
        end
        """,
        ["+ GET /hello/{} @1", "> GET /items/{} @2", "> GET /feed @3"],
    ),
    "laravel": (
        "php",
        """
        <?php
        Route::get('/users/{id}', [UserController::class, 'show']);
        Route::prefix('admin')->group(function () {
            Route::post('/log', 'A@b');
        });
        $app->put('/slim/{id}', $handler);
        Http::post("https://shop/orders/{$id}", []);
        $client->request('DELETE', 'https://shop/items');
        """,
        [
            "+ GET /users/{} @2",
            "+ POST /admin/log @4",
            "+ PUT /slim/{} @6",
            "> POST /orders/{} @7",
            "> DELETE /items @8",
        ],
    ),
    "rust": (
        "rust",
        """
        fn app() -> Router {
            Router::new()
                .route("/users/:id", get(one).delete(gone))
                .nest("/api", Router::new().route("/items", post(add)))
        }
        #[get("/actix/{id}")]
        async fn actix() {}
        fn config(c: &mut ServiceConfig) {
            c.service(web::scope("/v1").service(web::resource("/books").route(web::put().to(save))));
        }
        async fn call() {
            reqwest::get(format!("{}/feed/{}", base, id)).await;
            client.post("https://shop/orders").send().await;
        }
        """,
        [
            "+ DELETE /users/{} @3",
            "+ GET /users/{} @3",
            "+ POST /api/items @4",
            "+ GET /actix/{} @6",
            "+ PUT /v1/books @9",
            "> GET /feed/{} @12",
            "> POST /orders @13",
        ],
    ),
    "proto": (
        "protobuf",
        """
        syntax = "proto3";
        package acme.shop.v1;
        service Cart {
          rpc Add (AddRequest) returns (AddReply);
          rpc Watch (stream A) returns (stream B) {}
        }
        """,
        ["+ Add acme.shop.v1.Cart @4", "+ Watch acme.shop.v1.Cart @5"],
    ),
    "grpc of python": (
        "python",
        """
        import grpc, cart_pb2_grpc
        cart_pb2_grpc.add_CartServicer_to_server(Cart(), server)
        stub = cart_pb2_grpc.CartStub(channel)
        stub.Add(request)
        other.Add(request)
        client = AsyncClient()
        """,
        ["+ * Cart @2", "> * Cart @3", "> Add Cart @4"],
    ),
    "grpc of go": (
        "go",
        """
        package main
        import pb "example.org/pb"
        func main() {
        \tpb.RegisterCartServer(s, &server{})
        \tc := pb.NewCartClient(conn)
        \tc.Add(ctx, request)
        }
        """,
        ["+ * Cart @4", "> * Cart @5", "> Add Cart @6"],
    ),
    "grpc of java": (
        "java",
        """
        import io.grpc.Channel;
        class A { void a() { var stub = CartGrpc.newBlockingStub(channel); stub.add(request); } }
        """,
        ["> * Cart @2", "> Add Cart @2"],
    ),
    "grpc of typescript": (
        "typescript",
        """
        import { CartClient } from "./cart_grpc_pb";
        const client = new CartClient(address);
        client.add(request);
        """,
        ["> * Cart @2", "> Add Cart @3"],
    ),
    "django without a slash in a path": (
        "python",
        """
        from django.urls import path
        urlpatterns = [path("", index), path("<int:pk>/", detail), path("about", about)]
        """,
        ["+ * / @2", "+ * /about @2", "+ * /{} @2"],
    ),
    "django rest framework alone": (
        "python",
        """
        from rest_framework import routers
        router = routers.DefaultRouter()
        router.register("users", UserViews)
        """,
        ["+ * /users @3", "+ * /users/{} @3"],
    ),
    "a list of aiohttp's routes": (
        "python",
        """
        from aiohttp import web
        app.add_routes([web.get("/x", show), web.post("/y", take)])
        """,
        ["+ GET /x @2", "+ POST /y @2"],
    ),
    "rails without a slash in a path": (
        "ruby",
        """
        Rails.application.routes.draw do
          get "about", to: "pages#about"
        end
        """,
        ["+ GET /about @2"],
    ),
    "a request of faraday with a block": (
        "ruby",
        """
        conn = Faraday.new("http://h")
        conn.post("/b") do |request|
          request.body = 1
        end
        """,
        ["> POST /b @2"],
    ),
    "requests with type arguments": (
        "typescript",
        """
        const one = await axios.get<Total>("/one");
        void api.post<Total>("/two");
        (await axios.put<Total>("/three")).data;
        await this.http.get<Total>("/four").toPromise();
        """,
        ["> GET /one @1", "> POST /two @2", "> PUT /three @3", "> GET /four @4"],
    ),
    "requests of a page": (
        "javascript",
        """
        $.ajax({url: "/one", type: "POST"});
        window.fetch("/two");
        """,
        ["> POST /one @1", "> GET /two @2"],
    ),
    "no grpc": ("typescript", 'const client = new HttpClient("x");\nclient.add(1);\n', []),
}


@pytest.mark.parametrize("case", CASES)
def test_endpoints_of_a_framework(case: str) -> None:
    """Methods, paths without hosts and queries, parameters as braces, and the lines."""
    language, text, expected = CASES[case]
    assert told(endpoints(language, text)) == expected


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/users/<int:id>/", "/users/{}"),
        ("users/{id:[0-9]+}", "/users/{}"),
        ("/a/:b/c/:d?", "/a/{}/c/{}"),
        ("/files/*path", "/files/{}"),
        ("/files/{*rest}", "/files/{}"),
        ("/v1//a.json", "/v1/a.json"),
        ("/posts(.:format)", "/posts"),
        ("", "/"),
        ("/a b", None),
        ("/" + "x" * 500, None),
    ],
)
def test_routes_have_one_form(written: str, path: str | None) -> None:
    """Whatever the framework writes parameters as."""
    assert route_path(written) == path


def test_expressions_are_routes() -> None:
    """Groups of an expression are parameters."""
    assert pattern_path(r"^a/(?P<year>[0-9]{4})/(\w+)/$") == "/a/{}/{}"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("https://user:pw@shop.example.org:8080/a/{}?b=1#c", "/a/{}"),
        ("{}/a", "/a"),
        ("{}{}/a", "/a"),
        ("https://{}/a", "/a"),
        ("https://shop", "/"),
        ("/a", "/a"),
        ("a/b", None),
        ("mailto:x", None),
    ],
)
def test_addresses_lose_their_hosts(written: str, path: str | None) -> None:
    """And what else is no part of a route."""
    assert called_path(written) == path


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_no_code_breaks_it(case: str, data: st.DataObject) -> None:
    """Whatever is cut out of a file or put into it, what is found is at lines that are there."""
    language, text, _ = CASES[case]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        text = (
            text[:start] + data.draw(st.text(max_size=6) | st.sampled_from(["(", ")", "{", "'", "[", "."])) + text[end:]
        )
    for one in endpoints(language, text):
        assert 1 <= one.line <= text.count("\n") + 1
        assert one.path.isprintable()
