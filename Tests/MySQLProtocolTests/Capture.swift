import Foundation
import MySQLProtocol
import NIOCore
import Testing

/// A command that a real server took, and the packets that it answered with. The files are in `Captures`.
struct Capture: Decodable, Sendable, CustomTestStringConvertible {
    /// The sent packet, by its fields.
    struct Command: Decodable, Sendable {
        var command: String
        var sql: String?
        var statement: UInt32?
        var parameters: [Parameter]?
    }

    enum Parameter: Decodable, Sendable {
        case text(String)
        case integer(Int64)
        case null

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if value.decodeNil() {
                self = .null
            } else if let number = try? value.decode(Int64.self) {
                self = .integer(number)
            } else {
                self = .text(try value.decode(String.self))
            }
        }

        var bound: MySQLParameter {
            switch self {
            case .text(let text): .text(text)
            case .integer(let number): .integer(number)
            case .null: .null
            }
        }
    }

    var name: String
    var commands: [Command]
    /// The kinds of the answers, in order.
    var expect: [String]
    /// The bytes that were sent, in hexadecimal digits.
    var sent: String
    /// The packets that came, with their headers.
    var received: [String]
    /// The expected ``Replay/events``.
    var events: [String]
    /// The file's name: the server, and whether it sends EOF packets.
    var source = ""

    private enum CodingKeys: String, CodingKey { case name, commands, expect, sent, received, events }

    var testDescription: String { "\(source): \(name)" }
    var deprecatesEOF: Bool { !source.hasSuffix("-eof") }
    var packets: [[UInt8]] { received.map(Samples.bytes(hex:)) }
    var bytes: [UInt8] { packets.flatMap { $0 } }

    var expectations: [ResponseDecoder.Expectation] {
        expect.map { name in
            switch name {
            case "text": .text
            case "binary": .binary
            case "prepared": .prepared
            default: .ok
            }
        }
    }

    /// All of both servers, with EOF packets and without.
    static let all: [Capture] = ["mariadb", "mariadb-eof", "mysql", "mysql-eof"].flatMap { source in
        var captures: [Capture] = read(source)
        for index in captures.indices { captures[index].source = source }
        return captures
    }

    static func named(_ name: String, of source: String) throws -> Capture {
        try #require(all.first { $0.name == name && $0.source == source })
    }

    /// The content of a file of `Captures`; a file that can't be read fails the test run.
    static func read<T: Decodable>(_ name: String) -> [T] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Captures/\(name).json")
        do {
            return try JSONDecoder().decode([T].self, from: Data(contentsOf: file))
        } catch {
            fatalError("\(file.lastPathComponent): \(error)")
        }
    }
}

/// The decoded bytes of one or more answers.
struct Replay {
    /// As text: rows with their values, ends, errors, prepared statements.
    private(set) var events: [String] = []
    /// The packets handed over, those of descriptions too.
    private(set) var packets = 0
    private(set) var failure: ProtocolError?
    private var decoder: PacketDecoder
    private var responses: ArraySlice<ResponseDecoder>
    private let rendersRows: Bool

    /// Whether every answer has ended, and nothing came after the last one.
    var isComplete: Bool { failure == nil && responses.isEmpty && decoder.pendingBytes == 0 }

    /// - Parameters:
    ///   - capture: Whose answers are to be read.
    ///   - rendersRows: Whether values become text; reading them without is faster.
    init(_ capture: Capture, rendersRows: Bool = true) {
        decoder = PacketDecoder(maximumPayload: 1 << 20)
        responses =
            capture.expectations.map {
                ResponseDecoder($0, deprecatesEOF: capture.deprecatesEOF)
            }[...]
        self.rendersRows = rendersRows
    }

    /// All of `bytes` in pieces of `size` bytes.
    static func run(
        _ capture: Capture, _ bytes: some Collection<UInt8>, size: Int = .max, rendersRows: Bool = true
    ) -> Replay {
        var replay = Replay(capture, rendersRows: rendersRows)
        var rest = bytes[...]
        while !rest.isEmpty, replay.failure == nil {
            replay.receive(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return replay
    }

    mutating func receive(_ input: ByteBuffer) {
        do throws(ProtocolError) {
            var decoder = decoder
            self.decoder = PacketDecoder(maximumPayload: 0)
            try decoder.decode(input) { (_, payload) throws(ProtocolError) in
                try receive(payload)
                return true
            }
            self.decoder = decoder
        } catch {
            failure = error
        }
    }

    private mutating func receive(_ payload: UnsafeRawBufferPointer) throws(ProtocolError) {
        guard let first = responses.indices.first else { throw ProtocolError("a packet that nothing waits for") }
        packets += 1
        var row: String?
        let answer = try responses[first].decode(payload) { [rendersRows] reader throws(ProtocolError) in
            row = try Self.values(reader, rendersRows)
        }
        if let row { events.append(row) }
        switch answer {
        case nil: return
        case .done(let ok):
            var flags: [String] = []
            if ok.status.contains(.autocommit) { flags.append("autocommit") }
            if ok.status.contains(.inTransaction) { flags.append("in transaction") }
            let status = flags.isEmpty ? "-" : flags.joined(separator: ", ")
            events.append("done: affected \(ok.affectedRows), last id \(ok.lastInsertID), \(status)")
        case .prepared(let it):
            events.append("prepared: id \(it.id), parameters \(it.parameters), columns \(it.columns)")
        case .failed(let error): events.append("failed: \(error.code) \(error.sqlState) \(error.message)")
        }
        responses.removeFirst()
    }

    private static func values(_ row: RowReader, _ rendersRows: Bool) throws(ProtocolError) -> String {
        var row = row
        var texts: [String] = []
        for column in row.columns {
            // Text and bytes can be read in two ways.
            if !row.isBinary || column.type.hasLength {
                var other = row
                let bytes = try other.nextBytes()
                if rendersRows { texts.append(text(bytes)) }
            }
            let value = try row.next()
            guard rendersRows else { continue }
            let text = Self.text(value)
            if !row.isBinary || column.type.hasLength {
                #expect(texts.removeLast() == text)
            }
            texts.append(text)
        }
        return "row: " + texts.joined(separator: ", ")
    }

    private static func text(_ value: ColumnValue) -> String {
        switch value {
        case .null: "NULL"
        case .bytes(let bytes): text(bytes)
        case .integer(let number): "\(number)"
        case .unsigned(let number): "\(number)u"
        case .float(let number): "\(number)f"
        case .double(let number): "\(number)"
        case .temporal(let text): text
        }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer?) -> String {
        guard let bytes else { return "NULL" }
        guard bytes.allSatisfy({ $0 >= 0x20 }), let text = String(validating: bytes, as: UTF8.self) else {
            return "x'\(Samples.hex(bytes))'"
        }
        return "'\(text)'"
    }
}
