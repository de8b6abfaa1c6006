import Foundation
import NIOConcurrencyHelpers

/// A server's answers to a logged-in client, statement by statement: like an honest one until it is scripted
/// otherwise.
package final class FakeSession {
    package enum Command: Sendable {
        case prepare(String)
        case execute(String)
        case query(String)
    }

    private let connection: FakeServer.Connection
    private var buffer: [UInt8] = []
    private var statements: [String] = []

    package init(_ connection: FakeServer.Connection) {
        self.connection = connection
    }

    /// Lets any client in.
    package func logIn() {
        greet()
        _ = next()
        connection.packet(2, Self.ok)
    }

    package func greet() {
        connection.packet(0, FakeServer.greeting(method: "mysql_native_password"))
    }

    /// Answers commands until the client is gone. What `misbehave` answers itself, returning true, is not answered
    /// otherwise.
    package func serve(_ misbehave: (Command) -> Bool) {
        while let packet = next() {
            switch packet.first {
            case 0x16:
                statements.append(String(decoding: packet.dropFirst(), as: UTF8.self))
                guard !misbehave(.prepare(statements.last!)) else { continue }
                prepared(columns: 0, parameters: UInt16(statements.last!.count { $0 == "?" }))
            case 0x17:
                let number = Int(packet[1]) | Int(packet[2]) << 8
                let sql = statements[number - 1]
                guard !misbehave(.execute(sql)) else { continue }
                if sql.hasPrefix("SELECT") {
                    rows([["\"found\""]])
                } else {
                    connection.packet(1, Self.ok)
                }
            case 0x03:
                let sql = String(decoding: packet.dropFirst(), as: UTF8.self)
                guard !misbehave(.query(sql)) else { continue }
                if sql.hasPrefix("SELECT @@SESSION.max_allowed_packet") {
                    rows([["67108864", "8.0.99", "1", "fake:1:1", "0"]], as: Self.textRow)
                } else {
                    connection.packet(1, Self.ok)
                }
            case 0x0E: connection.packet(1, Self.ok)
            case 0x19: break
            default: return
            }
        }
    }

    /// The answer to a statement that was prepared last.
    package func prepared(columns: UInt16, parameters: UInt16) {
        func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }
        connection.packet(
            1, [0] + bytes(UInt16(statements.count)) + [0, 0] + bytes(columns) + bytes(parameters) + [0, 0, 0])
        var number: UInt8 = 2
        for count in [parameters, columns] where count > 0 {
            for _ in 0..<count {
                connection.packet(number, Self.column())
                number &+= 1
            }
            connection.packet(number, Self.end)
            number &+= 1
        }
    }

    /// Rows of texts.
    package func rows(_ rows: [[String]], as row: ([String]) -> [UInt8] = FakeSession.row) {
        connection.write(answer(rows: rows, as: row))
    }

    /// The packets of an answer with rows of texts.
    package func answer(rows: [[String]], as row: ([String]) -> [UInt8] = FakeSession.row) -> [UInt8] {
        let columns = rows[0].map { _ in Self.column() }
        let payloads = [[UInt8(columns.count)]] + columns + [Self.end] + rows.map(row) + [Self.end]
        return payloads.enumerated().flatMap { number, payload in
            FakeServer.Connection.packet(UInt8(truncatingIfNeeded: number + 1), payload)
        }
    }

    /// The beginning of an answer with rows.
    ///
    /// - Returns: The number of the next packet.
    package func columns(_ count: Int, type: UInt8 = 253) -> UInt8 {
        connection.packet(1, [UInt8(count)])
        for number in 0..<count { connection.packet(UInt8(2 + number), Self.column(type: type)) }
        connection.packet(UInt8(2 + count), Self.end)
        return UInt8(3 + count)
    }

    /// A packet of any kind that a server may send.
    package static let ok: [UInt8] = [0, 0, 0, 2, 0, 0, 0]
    package static let end: [UInt8] = [0xFE, 0, 0, 2, 0]

    package static func error(_ code: UInt16, _ message: String) -> [UInt8] {
        [0xFF, UInt8(code & 255), UInt8(code >> 8)] + Array("#HY000\(message)".utf8)
    }

    /// A row as COM_QUERY's answer has it.
    package static func textRow(_ texts: [String]) -> [UInt8] {
        texts.flatMap { length($0.utf8.count) + Array($0.utf8) }
    }

    package static func row(_ texts: [String]) -> [UInt8] {
        [0] + [UInt8](repeating: 0, count: (texts.count + 9) / 8)
            + texts.flatMap { length($0.utf8.count) + Array($0.utf8) }
    }

    /// A number as the protocol packs it.
    package static func length(_ value: Int) -> [UInt8] {
        func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        return switch value {
        case ..<251: bytes(1)
        case ..<65536: [0xFC] + bytes(2)
        case ..<(1 << 24): [0xFD] + bytes(3)
        default: [0xFE] + bytes(8)
        }
    }

    /// (MySQL: "Protocol::ColumnDefinition41".)
    package static func column(type: UInt8 = 253) -> [UInt8] {
        [3] + Array("def".utf8) + [0, 0, 0, 1] + Array("c".utf8) + [
            0, 0x0C, 45, 0, 255, 255, 0, 0, type, 0, 0, 0, 0, 0,
        ]
    }

    /// The client's next packet.
    private func next() -> [UInt8]? {
        while true {
            if buffer.count >= 4 {
                let count = Int(buffer[0]) | Int(buffer[1]) << 8 | Int(buffer[2]) << 16
                if buffer.count >= 4 + count {
                    defer { buffer.removeFirst(4 + count) }
                    return Array(buffer[4..<(4 + count)])
                }
            }
            guard let read = connection.read() else { return nil }
            buffer += read
        }
    }
}
