import Foundation
import Testing

@testable import FedifyMySQL

/// The names of locks are those that the TypeScript queue makes.
@Suite struct LockNameTests {
    private struct Row: Decodable {
        let table: String
        let key: String
        let lock: String
    }

    @Test func namesAreThoseOfTheTypeScriptQueue() throws {
        let file = URL(filePath: #filePath).appending(
            path: "../../IntegrationTests/Fixtures/upstream-lock-names.json"
        ).standardizedFileURL
        let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: file))
        #expect(rows.count > 10)
        for row in rows { #expect(LockName.make(row.key, table: row.table) == row.lock) }
    }
}
