import Foundation

/// The misbehavior of a hostile or broken server.
package struct Hostility: Sendable, CustomStringConvertible {
    package let description: String
    /// A client may take it for an answer.
    package var mayPass = false
    /// Talks to a client until there is nothing more to say.
    package let serve: @Sendable (FakeServer.Connection) -> Void

    /// All there are. They ask for a file, by its path on the client's machine.
    package static func all(askingFor file: String) -> [Hostility] {
        let steps: [Step] = [.greeting, .logIn, .setUp, .prepare, .execute, .row]
        let acts: [(String, @Sendable (FakeServer.Connection) -> Void)] = [
            ("closes", { $0.hangUp() }),
            ("says nothing more", { _ in }),
            ("drips", { $0.drip([250, 0, 0, 1] + [UInt8](repeating: 1, count: 250)) }),
            ("sends garbage", { $0.write((0..<40_000).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 3)) }) }),
            ("sends zeros", { $0.write([UInt8](repeating: 0, count: 40_000)) }),
            (
                "is cut in a packet",
                {
                    $0.write([80, 0, 0, 1] + [UInt8](repeating: 0, count: 20))
                    $0.hangUp()
                }
            ),
            ("sends an empty packet", { $0.packet(1, []) }),
            ("asks for a file", { $0.packet(1, [0xFB] + Array(file.utf8)) }),
            ("asks for a file, with a number that fits", { $0.packet(2, [0xFB] + Array(file.utf8)) }),
            (
                "sends an error with control characters",
                { $0.packet(1, FakeSession.error(1064, "\u{1B}[2J\r\n\u{202E}root\0 \u{7F}near 'user'")) }
            ),
            (
                "sends an error without end",
                { $0.endless(FakeSession.error(1064, String(repeating: "x", count: 1 << 20))) }
            ),
            ("claims a packet of 16 MB", { $0.write([255, 255, 255, 1, 0]) }),
        ]
        var all = steps.flatMap { step in
            acts.map { name, act in Hostility(description: "\(name), \(step.rawValue)") { step.serve($0, act) } }
        }
        all += rows + columns + answers
        return all
    }

    /// Where a server begins to misbehave.
    private enum Step: String {
        case greeting = "instead of a greeting"
        case logIn = "instead of accepting the login"
        case setUp = "to the set-up of the session"
        case prepare = "to a statement that is to be prepared"
        case execute = "instead of an answer"
        case row = "instead of a row"

        func serve(_ connection: FakeServer.Connection, _ act: (FakeServer.Connection) -> Void) {
            let session = FakeSession(connection)
            switch self {
            case .greeting: act(connection)
            case .logIn:
                session.greet()
                _ = connection.read()
                act(connection)
            case .setUp, .prepare, .execute, .row:
                session.logIn()
                session.serve { command in
                    switch (self, command) {
                    case (.setUp, .query): act(connection)
                    case (.prepare, .prepare(let sql)) where sql.isStores: act(connection)
                    case (.execute, .execute(let sql)) where sql.isStores: act(connection)
                    case (.row, .execute(let sql)) where sql.isStores:
                        _ = session.columns(1)
                        act(connection)
                    default: return false
                    }
                    return true
                }
            }
        }
    }

    private static func answering(
        _ description: String, mayPass: Bool = false,
        _ answer: @escaping @Sendable (FakeSession, FakeServer.Connection, String) -> Void
    ) -> Hostility {
        Hostility(description: description, mayPass: mayPass) { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { command in
                guard case .execute(let sql) = command, sql.isStores else { return false }
                answer(session, connection, sql)
                return true
            }
        }
    }

    private static let rows = [
        answering("claims a value of 1 GiB") { session, connection, _ in
            connection.packet(session.columns(1), [0, 0] + FakeSession.length(1 << 30) + [1, 2, 3])
        },
        answering("claims a value of 2^63 bytes") { session, connection, _ in
            connection.packet(session.columns(1), [0, 0] + FakeSession.length(.max) + [1, 2, 3])
        },
        answering("claims a value of 300 bytes in a row of 10") { session, connection, _ in
            connection.packet(session.columns(1), [0, 0] + FakeSession.length(300) + [1, 2, 3, 4, 5])
        },
        answering("sends a value of 1 GiB") { session, connection, _ in
            var number = session.columns(1)
            let chunk = [UInt8](repeating: 0x31, count: 0xFF_FFFF)
            var first = [0, 0] + FakeSession.length(1 << 30) + chunk
            first.removeLast(first.count - chunk.count)
            for index in 0..<65 {
                guard connection.write([255, 255, 255, number] + (index == 0 ? first : chunk)) else { return }
                number &+= 1
            }
        },
        answering("sends rows without end") { session, connection, _ in
            var number = session.columns(1)
            while connection.write([4, 0, 0, number] + FakeSession.row(["1"])) { number &+= 1 }
        },
        answering("sends a row without columns") { session, connection, _ in
            connection.packet(session.columns(1), [0])
        },
        answering("sends numbers that are cut") { session, connection, _ in
            connection.packet(session.columns(1, type: 8), [0, 0, 1])
        },
        answering("sends a time of 200 bytes") { session, connection, _ in
            connection.packet(session.columns(1, type: 12), [0, 0, 200, 1])
        },
        answering("sends a type that doesn't exist") { session, connection, _ in
            connection.packet(session.columns(1, type: 99), FakeSession.row(["1"]))
        },
    ]

    private static let columns =
        [65_535, 10_000_000, 1 << 31, 1 << 40, Int.max].map { count in
            answering("claims \(count) columns") { _, connection, _ in
                connection.packet(1, FakeSession.length(count))
                connection.packet(2, FakeSession.column())
            }
        } + [
            answering("sends columns without end") { _, connection, _ in
                connection.packet(1, FakeSession.length(10_000_000))
                let column = FakeSession.column()
                var number: UInt8 = 2
                while connection.write([UInt8(column.count), 0, 0, number] + column) { number &+= 1 }
            },
            Hostility(description: "prepares 65,535 columns and parameters") { connection in
                let session = FakeSession(connection)
                session.logIn()
                session.serve { command in
                    guard case .prepare(let sql) = command, sql.isStores else { return false }
                    session.prepared(columns: .max, parameters: .max)
                    return true
                }
            },
            Hostility(description: "prepares columns that it doesn't describe") { connection in
                let session = FakeSession(connection)
                session.logIn()
                session.serve { command in
                    guard case .prepare(let sql) = command, sql.isStores else { return false }
                    connection.packet(1, [0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0])
                    connection.packet(2, FakeSession.end)
                    return true
                }
            },
        ]

    private static let answers = [
        answering("answers with an OK that is cut") { _, connection, _ in
            connection.packet(1, [0, 0xFE, 1])
        },
        answering("answers with an error that is cut") { _, connection, _ in
            connection.packet(1, [0xFF, 1])
        },
        answering("answers with 2^63 rows changed", mayPass: true) { _, connection, _ in
            connection.packet(1, [0] + FakeSession.length(.max) + [0, 2, 0, 0, 0])
        },
        answering("says that it takes no writes") { _, connection, _ in
            connection.packet(1, FakeSession.error(1290, "read-only"))
        },
        answering("says that a transaction is open", mayPass: true) { _, connection, _ in
            connection.packet(1, [0, 0, 0, 3, 0, 0, 0])
        },
        Hostility(description: "has no server for any statement") { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { _ in
                connection.packet(1, FakeSession.error(9001, "Max connect timeout reached"))
                return true
            }
        },
        Hostility(description: "has no room for a prepared statement") { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { command in
                guard case .prepare = command else { return false }
                connection.packet(1, FakeSession.error(1461, "Can't create more than max_prepared_stmt_count"))
                return true
            }
        },
        answering("nests JSON 200,000 deep", mayPass: true) { session, _, _ in
            session.rows([
                [String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)]
            ])
        },
        Hostility(description: "greets with a version of 60,000 characters") { connection in
            var greeting = FakeServer.greeting(method: "mysql_native_password")
            greeting.insert(contentsOf: [UInt8](repeating: 0x38, count: 60_000), at: 1)
            connection.packet(0, greeting)
        },
        Hostility(description: "greets with a version that doesn't end") { connection in
            connection.packet(0, [10] + [UInt8](repeating: 0x38, count: 200))
        },
        Hostility(description: "greets with an error") { connection in
            connection.packet(0, FakeSession.error(1040, "\u{7}Too many \u{1B}connections"))
        },
        Hostility(description: "slips an answer in before TLS") { connection in
            let greeting = FakeServer.greeting(method: "mysql_native_password", offersTLS: true)
            // As one, so that it is read as one.
            connection.write(
                [UInt8(greeting.count), 0, 0, 0] + greeting + [UInt8(FakeSession.ok.count), 0, 0, 2] + FakeSession.ok)
        },
    ]
}

extension String {
    /// A statement of the store, not of the connection's beginning.
    fileprivate var isStores: Bool { contains("`fedify_kv`") }
}

extension FakeServer.Connection {
    fileprivate func drip(_ bytes: [UInt8]) {
        for byte in bytes where write([byte]) { Thread.sleep(forTimeInterval: 0.2) }
    }

    /// One packet that goes on through others of the greatest size.
    fileprivate func endless(_ begin: [UInt8]) {
        let chunk = begin + [UInt8](repeating: 0x78, count: 0xFF_FFFF - begin.count)
        var number: UInt8 = 1
        while write([255, 255, 255, number] + chunk) { number &+= 1 }
    }
}
