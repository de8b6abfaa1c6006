import MySQLProtocol
import NIOCore
import Testing

/// Answers that no honest server sends, and the limits on those it does.
@Suite struct ResponseTests {
    /// A description of a column without names.
    private func column(_ type: UInt8, flags: UInt8 = 0, decimals: UInt8 = 0) -> [UInt8] {
        [0, 0, 0, 0, 0, 0, 12, 45, 0, 0, 0, 0, 0, type, flags, 0, decimals, 0, 0]
    }

    private func decode(_ decoder: inout ResponseDecoder, _ payload: [UInt8]) throws(ProtocolError) {
        var failure: ProtocolError?
        payload.withUnsafeBytes { bytes in
            do throws(ProtocolError) { _ = try decoder.decode(bytes) { _ in } } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func failure(
        _ expectation: ResponseDecoder.Expectation, _ payloads: [[UInt8]], deprecatesEOF: Bool = true,
        limits: ResponseDecoder.Limits = ResponseDecoder.Limits()
    ) throws -> String? {
        var decoder = ResponseDecoder(expectation, deprecatesEOF: deprecatesEOF, limits: limits)
        for payload in payloads.dropLast() { try decode(&decoder, payload) }
        do throws(ProtocolError) {
            try decode(&decoder, payloads.last ?? [])
            return nil
        } catch {
            return error.description
        }
    }

    /// The value of a row's only column.
    private func value(_ column: Column, _ bytes: [UInt8], isBinary: Bool = true) throws -> String {
        try (isBinary ? [0, 0] + bytes : bytes).withUnsafeBytes { payload in
            var row = try RowReader(payload, columns: [column], isBinary: isBinary)
            return "\(try row.next())"
        }
    }

    @Test func anAnswerOfAnotherKindIsRefused() throws {
        let endsEarly = ProtocolError.truncated.description
        let rows = "the server returned unexpected rows"
        let prepared = "the server answers the preparation of a statement with rows"
        #expect(try failure(.text, [[]]) == endsEarly)
        #expect(try failure(.ok, [[1]]) == rows)
        #expect(try failure(.ok, [[0xFE, 0, 0, 2, 0]]) == rows)
        #expect(try failure(.prepared, [[1]]) == prepared)
        #expect(try failure(.text, [[0xFB, 0x2F, 0x65]]) == "the server requested a file, which is refused")
        #expect(try failure(.binary, [[0xFB]]) == "the server requested a file, which is refused")
        // An OK without its fields, and an error without its code.
        for expectation: ResponseDecoder.Expectation in [.ok, .text, .binary, .prepared] {
            #expect(try failure(expectation, [[0]]) == endsEarly)
            #expect(try failure(expectation, [[0xFF, 1]]) == endsEarly)
        }
    }

    @Test func aSecondAnswerIsRefused() throws {
        let second = "the server announced a second answer to a command"
        #expect(try failure(.text, [[0, 0, 0, 0x0A, 0, 0, 0]]) == second)
        #expect(try failure(.text, [[1], column(3), [0xFE, 0, 0, 0x0A, 0, 0, 0]]) == second)
        #expect(
            try failure(.text, [[1], column(3), [0xFE, 0, 0, 2, 0], [0xFE, 0, 0, 0x0A, 0]], deprecatesEOF: false)
                == second)
    }

    @Test func thereIsALimitOnColumns() throws {
        #expect(try failure(.text, [[32]]) == nil)
        #expect(try failure(.text, [[33]]) == "the server answers with 33 columns; the limit is 32")
        let most: [UInt8] = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        #expect(try failure(.text, [most]) == "the server answers with \(UInt64.max) columns; the limit is 32")
        // More bytes after the number than expected.
        #expect(try failure(.text, [[1, 0]]) != nil)
        #expect(try failure(.prepared, [[0, 1, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0]]) == nil)
        #expect(
            try failure(.prepared, [[0, 1, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0]])
                == "the server prepared a statement with 33 columns; the limit is 32")
    }

    @Test func thereIsALimitOnDescriptions() throws {
        var limits = ResponseDecoder.Limits()
        limits.description = 1 + column(3).count
        #expect(try failure(.text, [[1], column(3)], limits: limits) == nil)
        // Rows do not count.
        #expect(try failure(.text, [[1], column(3), [2, 0x34, 0x32]], limits: limits) == nil)
        let tooMuch = "the server sends more than the 20 bytes that may come before a first row"
        #expect(limits.description == 20)
        #expect(try failure(.text, [[2], column(3), column(3)], limits: limits) == tooMuch)
        // All 65,535 parameters that a statement can have.
        let head: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0]
        #expect(try failure(.prepared, [head, column(3)], limits: limits) != nil)
    }

    @Test func aDescriptionThatIsTooShortIsRefused() throws {
        for count in 0..<17 { #expect(try failure(.text, [[1], Array(column(3).prefix(count))]) != nil) }
        // The length of its fixed fields is too small.
        #expect(try failure(.text, [[1], [0, 0, 0, 0, 0, 0, 9] + column(3).dropFirst(7)]) != nil)
    }

    @Test(
        arguments: [
            (0x01, 0, [0x80], "integer(-128)"), (0x01, 0x20, [0x80], "unsigned(128)"),
            (0x02, 0, [0xFF, 0x7F], "integer(32767)"), (0x0D, 0x20, [0x6B, 0x08], "unsigned(2155)"),
            (0x0A, 0, [0], "temporal(\"0000-00-00\")"), (0x0A, 0, [4, 0xE8, 3, 12, 31], "temporal(\"1000-12-31\")"),
            (0x0B, 0, [8, 1, 34, 0, 0, 0, 22, 59, 59], "temporal(\"-838:59:59\")"), (0x06, 0, [], "null"),
        ] as [(UInt8, UInt8, [UInt8], String)])
    func valuesAreReadByTheirType(_ type: UInt8, _ flags: UInt8, _ bytes: [UInt8], _ expected: String) throws {
        let column = Column(type: ColumnType(rawValue: type), isUnsigned: flags & 0x20 != 0)
        #expect(try value(column, bytes) == expected)
        for count in bytes.indices { #expect(throws: ProtocolError.self) { try value(column, Array(bytes[..<count])) } }
    }

    @Test func invalidValuesAreRefused() throws {
        func refuses(_ type: UInt8, _ bytes: [UInt8]) {
            let column = Column(type: ColumnType(rawValue: type))
            #expect(throws: ProtocolError.self) { try value(column, bytes) }
        }
        for type: UInt8 in [0x07, 0x0A, 0x0B, 0x0C] {
            for length: UInt8 in [1, 3, 5, 6, 9, 10, 13] { refuses(type, [length] + Array(repeating: 0, count: 13)) }
            // No number at all, where a length should be.
            for first: UInt8 in [0xFB, 0xFF] { refuses(type, [first]) }
        }
        for type: UInt8 in [0x0E, 0x11, 0x14, 0x80, 0xF3] { refuses(type, [0, 0, 0, 0, 0, 0, 0, 0, 0]) }
        for first: UInt8 in [0x01, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF] { refuses(0xFD, [first]) }
        refuses(0xFD, Array(repeating: 0xFE, count: 9))
        #expect(throws: ProtocolError.self) {
            try value(Column(type: .varString), [0xFE, 255, 255, 255, 255, 255, 255, 255, 127, 0], isBinary: false)
        }
    }

    @Test func aRowOfABinaryAnswerBeginsWithZero() throws {
        #expect(try failure(.binary, [[1], column(3), [1, 0, 0, 0, 0, 0]]) != nil)
        #expect(try failure(.binary, [[1], column(3), [0]]) == ProtocolError.truncated.description)
    }

    @Test func aNumberIsNotHandedOverAsText() throws {
        try ([0, 0, 1, 0, 0, 0] as [UInt8]).withUnsafeBytes { payload in
            var row = try RowReader(payload, columns: [Column(type: .long)], isBinary: true)
            #expect(throws: ProtocolError.self) { try row.nextBytes() }
        }
    }

    @Test(arguments: [true, false])
    func moreColumnsThanCameAreAnError(_ isBinary: Bool) throws {
        try (isBinary ? [0, 0, 1, 0x61] : [1, 0x61] as [UInt8]).withUnsafeBytes { payload in
            var row = try RowReader(payload, columns: [Column(type: .varString)], isBinary: isBinary)
            #expect(try row.nextBytes()?.text == "a")
            #expect(throws: ProtocolError.self) { try row.nextBytes() }
            #expect(throws: ProtocolError.self) { try row.next() }
        }
    }
}
