import FedifyMySQL
import Foundation
import HTTPTypes
import HummingbirdFedifyKv
import HummingbirdTesting
import Testing

@testable import sessions

/// The example over real HTTP, on the first server that MYSQL_URL names.
@Suite struct SessionsTests {
    /// Runs a test against the server, its store in a table of its own.
    private func withClient(
        life: Duration = .seconds(3600), _ test: @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        let urls = try #require(ProcessInfo.processInfo.environment["MYSQL_URL"], "the tests need a server")
        let url = try #require(urls.split(separator: " ").first)
        let pool = try MySQLPool(url: String(url))
        var options = MySQLKvStoreOptions()
        options.tableName = "t_" + UUID().uuidString.replacing("-", with: "").lowercased()
        let application = Sessions.application(try MySQLKvStore(pool, options: options), life: life)
        let result = await Result { try await application.test(.live) { try await test($0) } }
        // The application has closed its own pool.
        let later = try MySQLPool(url: String(url))
        try await MySQLKvStore(later, options: options).dropTable()
        await later.close()
        try result.get()
        await #expect(throws: (any Error).self) { try await MySQLKvStore(pool).get(["closed"]) }
    }

    @Test func visitsAreCounted() async throws {
        try await withClient { client in
            let (first, cookie) = try await client.visit()
            #expect(first == "Welcome\n")
            #expect(try await client.visit(cookie).text == "Visits: 2\n")
            #expect(try await client.visit(cookie).text == "Visits: 3\n")
            #expect(try await client.visit().text == "Welcome\n")
            try await client.execute(uri: "/logout", method: .post, headers: cookie) {
                #expect($0.status == .noContent)
            }
            #expect(try await client.visit(cookie).text == "Welcome\n")
        }
    }

    @Test func aSessionEnds() async throws {
        try await withClient(life: .milliseconds(500)) { client in
            let (_, cookie) = try await client.visit()
            let deadline = ContinuousClock.now + .seconds(60)
            while try await client.visit(cookie).text != "Welcome\n" {
                try #require(ContinuousClock.now < deadline)
            }
        }
    }

    @Test func aCookieOfNobodysIsAFirstVisit() async throws {
        try await withClient { client in
            let (text, cookie) = try await client.visit([.cookie: "session=guessed"])
            #expect(text == "Welcome\n" && !cookie.isEmpty)
        }
    }
}

extension TestClientProtocol {
    /// A visit, and the cookie that the answer sets.
    fileprivate func visit(_ cookie: HTTPFields = [:]) async throws -> (text: String, cookie: HTTPFields) {
        try await execute(uri: "/", method: .get, headers: cookie) { response in
            let cookie = response.headers[.setCookie]?.split(separator: ";").first.map(String.init)
            return (String(buffer: response.body), cookie.map { [.cookie: $0] } ?? [:])
        }
    }
}

extension Result where Failure == any Error {
    /// The outcome of asynchronous work, to clean up after it.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
