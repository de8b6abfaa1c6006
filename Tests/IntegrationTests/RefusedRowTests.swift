import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Rows that a server refuses, for whatever reason: each fails by itself, with its reason, and its neighbours are
/// stored.
@Suite struct RefusedRowTests {
    enum Reason: CaseIterable, Sendable {
        case check, trigger, longMemberName, depth, packet, type

        /// The changes to the table beforehand.
        func statements(_ table: String) -> [String] {
            switch self {
            case .check:
                ["ALTER TABLE `\(table)` ADD CONSTRAINT `own_check` CHECK (CHAR_LENGTH(`key`) < 40)"]
            case .trigger:
                [
                    """
                    CREATE TRIGGER `\(table)_t` BEFORE INSERT ON `\(table)` FOR EACH ROW \
                    IF CHAR_LENGTH(NEW.`key`) >= 40 THEN \
                    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the office is closed'; END IF
                    """
                ]
            case .type: ["ALTER TABLE `\(table)` ADD `width` TINYINT AS (CHAR_LENGTH(`key`) * 4) STORED"]
            case .longMemberName, .depth, .packet: []
            }
        }

        /// A row that is refused.
        var key: KvKey { ["bad", String(repeating: "k", count: 50)] }

        var value: JSONValue {
            switch self {
            case .longMemberName: JSONValue(uncheckedJSON: "{\"\(String(repeating: "n", count: 70_000))\": 1}")
            case .depth:
                JSONValue(uncheckedJSON: String(repeating: "[", count: 120) + String(repeating: "]", count: 120))
            case .packet: JSONValue(uncheckedJSON: "\"\(String(repeating: "x", count: 2 << 20))\"")
            case .check, .trigger, .type: JSONValue(uncheckedJSON: "1")
            }
        }

        /// The error's code, and what its message says.
        func error(isMariaDB: Bool) -> (KvError.Code, String)? {
            switch self {
            case .check: (.serverError, "own_check")
            case .trigger: (.serverError, "the office is closed")
            case .type: (.serverError, "width")
            case .longMemberName: isMariaDB ? nil : (.serverError, "3151")
            case .depth: (.unsupportedValue, "deep")
            case .packet: (.valueTooLarge, "bytes")
            }
        }
    }

    @Test(arguments: try await TestServer.all, Reason.allCases)
    func oneOfManyFailsAlone(_ server: TestServer, _ reason: Reason) async throws {
        try await server.withStore(poolSize: 2, maximumPacketSize: 1 << 20) { kv, _ in
            try await kv.createTable()
            for sql in reason.statements(kv.options.tableName) { try await server.sql(sql) }
            /// How many of 315 rows failed, and the one that had to.
            func store(
                _ operation: @escaping @Sendable (KvKey, JSONValue) async throws -> Void
            ) async -> (failed: Int, error: KvError?) {
                await withTaskGroup(of: KvError?.self) { group in
                    for number in 0..<315 {
                        let isBad = number == 100
                        group.addTask {
                            do {
                                try await operation(
                                    isBad ? reason.key : ["good", "\(number)"],
                                    isBad ? reason.value : JSONValue(uncheckedJSON: "\(number)"))
                                return nil
                            } catch {
                                return error as? KvError ?? KvError(.serverError, "\(error)")
                            }
                        }
                    }
                    return await group.reduce(into: (0, nil)) { result, error in
                        guard let error else { return }
                        result.0 += 1
                        result.1 = error
                    }
                }
            }
            let stored = await store { try await kv.set($0, $1) }
            let swapped = await store { key, value in
                let isStored = key != reason.key || reason.error(isMariaDB: server.isMariaDB) == nil
                let isSwapped = try await kv.cas(key, expected: isStored ? value : nil, new: value)
                #expect(isSwapped)
            }
            for (failed, error) in [stored, swapped] {
                guard let (code, text) = reason.error(isMariaDB: server.isMariaDB) else {
                    #expect(failed == 0)
                    continue
                }
                #expect(failed == 1)
                #expect(error?.code == code, "\(error as Any)")
                #expect(error?.description.contains(text) == true, "\(error as Any)")
                if code == .serverError { #expect(error?.description.contains("deep") == false) }
                #expect(try await kv.count() == 314)
            }
            let table = kv.options.tableName
            if reason == .trigger { try await server.sql("DROP TRIGGER `\(table)_t`") }
        }
    }

    /// A column that the store doesn't know of, and that must have a value: the error names it.
    @Test(arguments: try await TestServer.all)
    func aColumnOfSomebodyElsesIsNamed(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            try await server.sql("ALTER TABLE `\(kv.options.tableName)` ADD `owner` INT NOT NULL")
            let error = await #expect(throws: KvError.self) { try await kv.set(["k"], 1) }
            #expect(error?.code == .serverError)
            #expect(error?.message.contains("owner") == true, "\(error as Any)")
        }
    }

    /// Rows are not sent twice to fill a statement up, however large the last of them is.
    @Test(arguments: try await TestServer.all)
    func noMoreIsSentThanThereIs(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.createTable()
            let large = JSONValue(uncheckedJSON: "\"\(String(repeating: "x", count: 2 << 20))\"")
            func received() async throws -> Int { Int(try await pool.sessionStatus("Bytes_received")) ?? 0 }
            let before = try await received()
            try await pool.whileBusy {
                let tasks = (0..<65).map { number in
                    Task { try await kv.set(["k", "\(number)"], number == 64 ? large : JSONValue(uncheckedJSON: "1")) }
                }
                try await eventually { pool.status.waiting == 65 }
                return tasks
            }.forEach { try await $0.value }
            #expect(try await received() - before < 3 << 20)
            #expect(try await kv.count() == 65)
        }
    }
}

extension Array {
    fileprivate func forEach(_ body: (Element) async throws -> Void) async rethrows {
        for element in self { try await body(element) }
    }
}
