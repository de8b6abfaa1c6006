#if Hummingbird
    import FedifyMySQL
    import Foundation
    import HTTPTypes
    import Hummingbird
    import HummingbirdFedifyKv
    import HummingbirdTesting
    import Testing

    /// Sessions over real HTTP. The middleware calls the driver as HummingbirdAuth's does: `get` at each request, `set`
    /// with an expiry for a new session and without one for a changed one, `remove` at the end.
    @Suite struct SessionTests {
        private struct Session: Codable, Sendable {
            var name: String
            var visits = 0
        }

        private struct Context: RequestContext {
            var coreContext: CoreRequestContextStorage
            var id: String?
            var session: Session?

            init(source: ApplicationRequestContextSource) {
                coreContext = .init(source: source)
            }
        }

        private struct Sessions: RouterMiddleware {
            let persist: any PersistDriver

            func handle(
                _ request: Request, context: Context, next: (Request, Context) async throws -> Response
            ) async throws -> Response {
                var context = context
                context.id = request.cookies["session"]?.value
                if let id = context.id {
                    context.session = try await persist.get(key: "session.\(id)", as: Session.self)
                }
                return try await next(request, context)
            }
        }

        private static func app(_ persist: MySQLPersistDriver, life: Duration) -> some ApplicationProtocol {
            let router = Router(context: Context.self)
            router.add(middleware: Sessions(persist: persist))
            router.post("login/:name") { _, context -> Response in
                let id = UUID().uuidString
                let session = Session(name: try context.parameters.require("name"))
                try await persist.set(key: "session.\(id)", value: session, expires: life)
                var response = Response(status: .ok)
                response.setCookie(Cookie(name: "session", value: id, httpOnly: true))
                return response
            }
            router.get("me") { _, context -> String in
                guard let id = context.id, var session = context.session else { throw HTTPError(.unauthorized) }
                session.visits += 1
                try await persist.set(key: "session.\(id)", value: session)
                return "\(session.name) \(session.visits)"
            }
            router.get("name") { _, context -> String? in context.session?.name }
            router.post("logout") { _, context -> HTTPResponse.Status in
                if let id = context.id { try await persist.remove(key: "session.\(id)") }
                return .noContent
            }
            return Application(router: router, services: [persist])
        }

        private static func login(_ name: String, _ client: any TestClientProtocol) async throws -> HTTPFields {
            let header = try await client.execute(uri: "/login/\(name)", method: .post) { $0.headers[.setCookie] }
            let cookie = try #require(header?.split(separator: ";").first)
            return [.cookie: String(cookie)]
        }

        @Test(arguments: try await TestServer.all)
        func aSessionIsFoundAgainAfterARestart(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                let (alice, bob) = try await Self.app(MySQLPersistDriver(kv), life: .seconds(600)).test(.live) {
                    client in
                    let alice = try await Self.login("alice", client)
                    let bob = try await Self.login("bob", client)
                    try await Self.expect("alice 1", alice, client)
                    try await Self.expect("bob 1", bob, client)
                    try await Self.expect("alice 2", alice, client)
                    try await client.execute(uri: "/me", method: .get) { #expect($0.status == .unauthorized) }
                    return (alice, bob)
                }
                // Another process, so to speak, with connections of its own.
                let other = try server.another(kv)
                try await Self.app(MySQLPersistDriver(other), life: .seconds(600)).test(.live) { client in
                    try await Self.expect("alice 3", alice, client)
                    try await client.execute(uri: "/logout", method: .post, headers: alice) { _ in }
                    try await client.execute(uri: "/me", method: .get, headers: alice) {
                        #expect($0.status == .unauthorized)
                    }
                    try await Self.expect("bob 2", bob, client)
                }
                await other.pool.close()
            }
        }

        /// A session that is changed ends when it was to end at the login.
        @Test(arguments: try await TestServer.all)
        func aSessionEndsThoughItWasChanged(_ server: TestServer) async throws {
            try await server.withStore { kv, _ in
                try await Self.app(MySQLPersistDriver(kv), life: .seconds(3)).test(.live) { client in
                    let alice = try await Self.login("alice", client)
                    try await Self.expect("alice 1", alice, client)
                    try await Self.expect("alice 2", alice, client)
                    try await eventually {
                        try await client.execute(uri: "/name", method: .get, headers: alice) { $0.status == .noContent }
                    }
                    try await client.execute(uri: "/me", method: .get, headers: alice) {
                        #expect($0.status == .unauthorized)
                    }
                }
            }
        }

        private static func expect(
            _ text: String, _ cookie: HTTPFields, _ client: any TestClientProtocol,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            try await client.execute(uri: "/me", method: .get, headers: cookie) { response in
                #expect(String(buffer: response.body) == text, sourceLocation: sourceLocation)
            }
        }
    }
#endif
