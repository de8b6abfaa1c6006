import FedifyMySQL
import Foundation
import Hummingbird
import HummingbirdFedifyKv

struct Visitor: Codable, Sendable {
    var visits: Int
}

@main
struct Sessions {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        let pool = try MySQLPool(url: environment["MYSQL_URL"] ?? "mysql://fedify:fedify@localhost/fedify")
        let port = environment["PORT"].flatMap(Int.init) ?? 8080
        try await application(MySQLKvStore(pool), port: port).runService()
    }

    static func application(
        _ kv: MySQLKvStore, port: Int = 8080, life: Duration = .seconds(3600)
    ) -> some ApplicationProtocol {
        let persist = MySQLPersistDriver(kv)
        let router = Router()
        // Counts a visitor's visits. The session ends an hour after the first of them.
        router.get("/") { request, _ -> Response in
            var response = Response(status: .ok)
            if let key = sessionKey(request), let found = try await persist.getWithTTL(key: key, as: Visitor.self) {
                let visitor = Visitor(visits: found.object.visits + 1)
                // The remaining ttl. With nil it would never expire if it has expired since it was read.
                try await persist.set(key: key, value: visitor, expires: found.ttl)
                response.body = .init(byteBuffer: ByteBuffer(string: "Visits: \(visitor.visits)\n"))
            } else {
                // 122 bits from the system's generator: sessions can't be guessed.
                let id = UUID().uuidString
                try await persist.create(key: "session.\(id)", value: Visitor(visits: 1), expires: life)
                // In production also `secure: true`, so that the cookie travels over TLS alone.
                response.setCookie(Cookie(name: "session", value: id, path: "/", httpOnly: true, sameSite: .lax))
                response.body = .init(byteBuffer: ByteBuffer(string: "Welcome\n"))
            }
            return response
        }
        router.post("logout") { request, _ -> HTTPResponse.Status in
            if let key = sessionKey(request) { try await persist.remove(key: key) }
            return .noContent
        }
        // Ended in the opposite order: the server, the store, the pool.
        return Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), services: [kv.pool, kv])
    }

    static func sessionKey(_ request: Request) -> String? {
        request.cookies["session"].map { "session.\($0.value)" }
    }
}
