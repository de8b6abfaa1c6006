#if Hummingbird
    import FedifyMySQL
    import Foundation
    import Hummingbird
    import HummingbirdFedifyKv
    import HummingbirdTesting
    import NIOCore
    import Testing

    /// The expectations of Hummingbird's own tests for a driver, through a router as there.
    @Suite struct PersistRouterTests {
        private struct Note: Codable, Sendable {
            var text: String
        }

        /// Routes that do with the driver what their names say.
        private static func router(_ persist: some PersistDriver) -> Router<BasicRequestContext> {
            let router = Router()
            router.put("set/:key") { request, context -> HTTPResponse.Status in
                let text = String(buffer: try await request.body.collect(upTo: 1024))
                let expires = request.uri.queryParameters.get("expires", as: Int.self)
                try await persist.set(
                    key: context.parameters.require("key"), value: text, expires: expires.map { .milliseconds($0) })
                return .ok
            }
            router.put("create/:key") { request, context -> HTTPResponse.Status in
                let text = String(buffer: try await request.body.collect(upTo: 1024))
                do {
                    try await persist.create(key: context.parameters.require("key"), value: text)
                    return .created
                } catch let error as PersistError where error == .duplicate {
                    return .conflict
                }
            }
            router.get("get/:key") { _, context -> String? in
                try await persist.get(key: context.parameters.require("key"), as: String.self)
            }
            router.get("ttl/:key") { _, context -> String? in
                let found = try await persist.getWithTTL(key: context.parameters.require("key"), as: String.self)
                return found?.ttl.map { String($0.components.seconds) }
            }
            router.put("note/:key") { request, context -> HTTPResponse.Status in
                let text = String(buffer: try await request.body.collect(upTo: 1024))
                try await persist.set(key: context.parameters.require("key"), value: Note(text: text))
                return .ok
            }
            router.get("note/:key") { _, context -> String? in
                do {
                    return try await persist.get(key: context.parameters.require("key"), as: Note.self)?.text
                } catch let error as PersistError where error == .invalidConversion {
                    throw HTTPError(.badRequest)
                }
            }
            router.delete("remove/:key") { _, context -> HTTPResponse.Status in
                try await persist.remove(key: context.parameters.require("key"))
                return .noContent
            }
            return router
        }

        /// Runs a test on the routes, the driver being one of the application's services.
        private static func withClient(
            _ server: TestServer, _ setup: TestingSetup = .router,
            _ body: @Sendable (any TestClientProtocol) async throws -> Void
        ) async throws {
            try await server.withStore { kv, _ in
                let persist = MySQLPersistDriver(kv)
                let app = Application(router: router(persist), services: [persist])
                try await app.test(setup) { try await body($0) }
            }
        }

        @Test(arguments: try await TestServer.all)
        func setAndGet(_ server: TestServer) async throws {
            try await Self.withClient(server) { client in
                try await client.expect(.noContent, .get, "/get/k")
                try await client.expect(.ok, .put, "/set/k", "one")
                try await client.expect(.ok, .get, "/get/k", answer: "one")
                try await client.expect(.ok, .put, "/set/k", "two")
                try await client.expect(.ok, .get, "/get/k", answer: "two")
            }
        }

        @Test(arguments: try await TestServer.all)
        func createOnce(_ server: TestServer) async throws {
            try await Self.withClient(server) { client in
                try await client.expect(.created, .put, "/create/k", "one")
                try await client.expect(.conflict, .put, "/create/k", "two")
                try await client.expect(.ok, .get, "/get/k", answer: "one")
            }
        }

        @Test(arguments: try await TestServer.all)
        func expire(_ server: TestServer) async throws {
            try await Self.withClient(server) { client in
                try await client.expect(.ok, .put, "/set/gone?expires=0", "one")
                try await client.expect(.noContent, .get, "/get/gone")
                try await client.expect(.ok, .put, "/set/k?expires=600000", "one")
                try await client.expect(.ok, .get, "/get/k", answer: "one")
                let left = try await client.execute(uri: "/ttl/k", method: .get) { Int(String(buffer: $0.body)) }
                #expect((500..<600).contains(try #require(left)))
                // Gone, and set again.
                try await client.expect(.ok, .put, "/set/gone?expires=600000", "two")
                try await client.expect(.ok, .get, "/get/gone", answer: "two")
            }
        }

        @Test(arguments: try await TestServer.all)
        func remove(_ server: TestServer) async throws {
            try await Self.withClient(server) { client in
                try await client.expect(.ok, .put, "/set/k", "one")
                try await client.expect(.noContent, .delete, "/remove/k")
                try await client.expect(.noContent, .get, "/get/k")
                try await client.expect(.created, .put, "/create/k", "two")
            }
        }

        @Test(arguments: try await TestServer.all)
        func ownTypes(_ server: TestServer) async throws {
            try await Self.withClient(server) { client in
                try await client.expect(.ok, .put, "/note/k", "hello")
                try await client.expect(.ok, .get, "/note/k", answer: "hello")
                try await client.expect(.ok, .put, "/set/k", "no note")
                try await client.expect(.badRequest, .get, "/note/k")
            }
        }

        /// The driver is a service of a real server, and ends with it.
        @Test(arguments: try await TestServer.all)
        func overHTTP(_ server: TestServer) async throws {
            try await Self.withClient(server, .live) { client in
                try await client.expect(.created, .put, "/create/k", "one")
                try await client.expect(.conflict, .put, "/create/k", "two")
                try await client.expect(.ok, .get, "/get/k", answer: "one")
            }
        }
    }

    extension TestClientProtocol {
        /// Sends a request, and expects a status of the answer, and a body if one is named.
        fileprivate func expect(
            _ status: HTTPResponse.Status, _ method: HTTPRequest.Method, _ uri: String, _ sent: String? = nil,
            answer: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            try await execute(uri: uri, method: method, body: sent.map { ByteBuffer(string: $0) }) { response in
                #expect(response.status == status, sourceLocation: sourceLocation)
                if let answer { #expect(String(buffer: response.body) == answer, sourceLocation: sourceLocation) }
            }
        }
    }
#endif
