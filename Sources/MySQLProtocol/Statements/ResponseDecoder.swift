/// Reads the packets that answer one command.
///
/// (MySQL: "Command Phase"; an answer is an OK, an error, a prepared statement, or rows, and an error may come between
/// the rows too.)
package struct ResponseDecoder {
    /// The kinds of answers.
    package enum Expectation: Equatable, Sendable {
        /// The answer to COM_QUERY.
        case text
        /// The answer to COM_STMT_EXECUTE.
        case binary
        /// The answer to COM_STMT_PREPARE.
        case prepared
        /// An OK or an error.
        case ok
    }

    /// The result of a command.
    package enum Answer {
        /// All rows were read.
        case done(OKPacket)
        /// The statement is prepared.
        case prepared(PreparedStatementResponse)
        /// The server returned an error.
        case failed(ErrorPacket)
    }

    /// The answer to COM_STMT_PREPARE: the statement's ID, and its numbers of parameters and columns.
    package struct PreparedStatementResponse: Equatable, Sendable {
        package let id: UInt32
        package let parameters: Int
        package let columns: Int
    }

    /// Limits on an answer, checked before memory is allocated.
    package struct Limits: Sendable {
        /// The maximum number of columns.
        package var columns = 32
        /// The maximum bytes of parameter and column definitions.
        package var description = 1 << 20

        package init() {}
    }

    private enum State {
        case head
        case columns(left: Int, endsWithEOF: Bool)
        case rows
        /// Definitions of a prepared statement's parameters and columns.
        case descriptions(left: Int, PreparedStatementResponse)
    }

    private let expectation: Expectation
    private let deprecatesEOF: Bool
    private let limits: Limits
    private var state = State.head
    private var described = 0
    private var columns: [Column] = []

    package init(_ expectation: Expectation, deprecatesEOF: Bool, limits: Limits = Limits()) {
        self.expectation = expectation
        self.deprecatesEOF = deprecatesEOF
        self.limits = limits
    }

    /// Rows have started, so an OK can only end them.
    package var isInRows: Bool { if case .rows = state { true } else { false } }

    /// Reads the next packet of the answer.
    ///
    /// - Parameters:
    ///   - payload: The packet's.
    ///   - row: Called if the packet is a row, which is valid during the call.
    /// - Returns: The answer, if this was the last packet of it.
    /// - Throws: ``ProtocolError`` for a protocol violation; what `row` throws.
    package mutating func decode(
        _ payload: UnsafeRawBufferPointer, row: (inout RowReader) throws(ProtocolError) -> Void
    ) throws(ProtocolError) -> Answer? {
        guard let first = payload.first else { throw ProtocolError.truncated }
        if first == PacketHeader.error {
            var reader = PacketReader(payload)
            _ = try reader.readByte()
            return .failed(try ErrorPacket(&reader))
        }
        if !isInRows {
            described += payload.count
            guard described <= limits.description else {
                throw ProtocolError(
                    "the server sends more than the \(limits.description) bytes that may come before a first row")
            }
        }
        switch state {
        case .head: return try decodeHead(first, payload)
        case .columns(let left, let endsWithEOF):
            if left > 0 { columns.append(try Column(payload)) }
            state = left > (endsWithEOF ? 0 : 1) ? .columns(left: left - 1, endsWithEOF: endsWithEOF) : .rows
            return nil
        case .rows:
            if first == PacketHeader.endOfFile, let end = try decodeEnd(payload) { return .done(end) }
            var reader = try RowReader(payload, columns: columns, isBinary: expectation == .binary)
            try row(&reader)
            return nil
        case .descriptions(let left, let statement):
            if left > 1 {
                state = .descriptions(left: left - 1, statement)
                return nil
            }
            return .prepared(statement)
        }
    }

    private mutating func decodeHead(
        _ first: UInt8, _ payload: UnsafeRawBufferPointer
    ) throws(ProtocolError) -> Answer? {
        var reader = PacketReader(payload)
        switch (expectation, first) {
        case (.prepared, PacketHeader.ok): return try decodePrepared(&reader)
        case (.prepared, _): throw ProtocolError("the server answers the preparation of a statement with rows")
        case (_, PacketHeader.ok):
            _ = try reader.readByte()
            return .done(try checked(try OKPacket(&reader)))
        case (.ok, _): throw ProtocolError("the server returned unexpected rows")
        case (_, PacketHeader.localInfile): throw ProtocolError("the server requested a file, which is refused")
        default:
            let count = try reader.readLengthEncodedInteger()
            guard reader.count == 0, count > 0, count <= limits.columns else {
                throw ProtocolError("the server answers with \(count) columns; the limit is \(limits.columns)")
            }
            columns.reserveCapacity(Int(count))
            state = .columns(left: Int(count), endsWithEOF: !deprecatesEOF)
            return nil
        }
    }

    /// (MySQL: "COM_STMT_PREPARE Response".)
    private mutating func decodePrepared(_ reader: inout PacketReader) throws(ProtocolError) -> Answer? {
        _ = try reader.readByte()
        let id = UInt32(try reader.readInteger(4))
        let columns = Int(try reader.readInteger(2))
        let parameters = Int(try reader.readInteger(2))
        guard columns <= limits.columns else {
            throw ProtocolError(
                "the server prepared a statement with \(columns) columns; the limit is \(limits.columns)")
        }
        let statement = PreparedStatementResponse(id: id, parameters: parameters, columns: columns)
        var descriptions = columns + parameters
        if !deprecatesEOF { descriptions += (columns > 0 ? 1 : 0) + (parameters > 0 ? 1 : 0) }
        guard descriptions > 0 else { return .prepared(statement) }
        state = .descriptions(left: descriptions, statement)
        return nil
    }

    /// The end of the rows, or nil if the packet is a row whose first column has more than 16 MiB.
    private func decodeEnd(_ payload: UnsafeRawBufferPointer) throws(ProtocolError) -> OKPacket? {
        var reader = PacketReader(payload)
        _ = try reader.readByte()
        if deprecatesEOF {
            guard payload.count < PacketDecoder.maximumChunk else { return nil }
            return try checked(try OKPacket(&reader))
        }
        guard payload.count < 9 else { return nil }
        // Warnings, and the status.
        _ = try reader.readInteger(2)
        return try checked(OKPacket(status: StatusFlags(rawValue: UInt16(try reader.readInteger(2)))))
    }

    private func checked(_ ok: OKPacket) throws(ProtocolError) -> OKPacket {
        guard !ok.status.contains(.moreResults) else {
            throw ProtocolError("the server announced a second answer to a command")
        }
        return ok
    }
}
