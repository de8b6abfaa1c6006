import DequeModule
package import MySQLProtocol
package import NIOCore

/// A connection after its login, on its event loop. Commands are sent in the order of the calls, several in one write,
/// and answered in that order.
///
/// Everything is called on the event loop, and completions run there, after all packets of a read were processed:
/// unsolicited packets are never mistaken for the answer to a later command.
package final class ConnectionHandler: @unchecked Sendable {
    // Safe: mutable state is accessed only on the event loop.

    /// Whether a statement changes data, which decides what a lost connection means.
    package enum Effect: Sendable {
        case read, write
    }

    /// Rows inserted, deleted, or found by an UPDATE.
    package typealias Completion = (Result<UInt64, MySQLError>) -> Void
    package typealias RowHandler = (inout RowReader) throws(ProtocolError) -> Void

    private struct Command {
        var decoder: ResponseDecoder
        let effect: Effect
        let maximumRows: Int
        let row: RowHandler?
        /// The bound values, to keep them out of errors.
        let parameters: [MySQLParameter]
        /// It executes what the command before it prepares.
        var preparation: PreparedStatement?
        let completion: (Result<ResponseDecoder.Answer, MySQLError>) -> Void
        var rows = 0
        var nextSequence: UInt8 = 0
    }

    package let eventLoop: any EventLoop
    /// The maximum size of a statement in bytes.
    package private(set) var maximumPacketSize: Int
    let session: Handshake.Session
    let encryption: Encryption
    private let deprecatesEOF: Bool
    /// Kept out of errors.
    private let password: MySQLConfiguration.Password
    private var context: ChannelHandlerContext?
    private var decoder: PacketDecoder
    private var commands: Deque<Command> = []
    /// How many of the commands were written to the socket.
    private var written = 0
    private var output = ByteBuffer()
    private var statements: PreparedStatements
    /// Why the connection has ended, if it has.
    private var end: MySQLError?
    /// An error packet said that the server accepts no writes.
    package private(set) var isDemoted = false
    /// A node of a cluster that may not have applied yet what another one has confirmed.
    var lagsBehind = false
    /// Called once, when the server says that it accepts no writes, before the request is answered.
    var onDemotion: (() -> Void)?
    /// Called once, when the connection has ended, for the pool.
    var onEnd: (() -> Void)?
    /// As `onEnd`, for who has the connection.
    package var onLoss: (() -> Void)?

    init(
        _ session: Handshake.Session, on eventLoop: any EventLoop, _ configuration: MySQLConfiguration,
        _ encryption: Encryption
    ) {
        self.session = session
        self.encryption = encryption
        self.eventLoop = eventLoop
        deprecatesEOF = session.capabilities.contains(.deprecateEOF)
        password = configuration.password
        maximumPacketSize = configuration.maximumPacketSize
        decoder = PacketDecoder(maximumPayload: configuration.maximumPacketSize)
        statements = PreparedStatements(limit: configuration.maximumPreparedStatements)
    }

    /// The connection can take commands.
    package var isUsable: Bool { end == nil && !isDemoted }

    /// According to the last answer without an error, a transaction is open. (MySQL: "Status Flags".)
    private(set) var isInTransaction = false

    /// The maximum bytes of keys and values in a statement that carries several.
    package var statementSize: Int { min(maximumPacketSize, 4 << 20) - 512 }

    /// A command was written, and is not answered yet.
    var isAtWork: Bool { written > 0 }

    /// A command has changed something since ``beginWork()``, or one was written that changes something, and is not
    /// answered yet.
    var mayHaveChanged: Bool {
        hasChanged || commands.prefix(written).contains { $0.effect == .write }
    }

    private var hasChanged = false

    /// The connection is at the disposal of another batch.
    func beginWork() {
        hasChanged = false
    }

    /// The server's own limit is known.
    func setMaximumPacketSize(_ size: Int) {
        maximumPacketSize = size
    }

    // MARK: - Commands

    /// Runs a statement by the protocol for text. For statements without data in them.
    package func query(
        _ sql: String, _ effect: Effect, maximumRows: Int = 0, row: RowHandler? = nil,
        _ completion: @escaping Completion
    ) {
        append(.text, effect, maximumRows, row, [], completion) { $0.writeQuery(sql) }
    }

    /// Pings the server.
    package func ping(_ completion: @escaping Completion) {
        append(.ok, .read, 0, nil, [], completion) { $0.writePing() }
    }

    /// Waits until a Galera node has applied what the cluster had committed before: what another node, which was lost,
    /// has confirmed to us. That may take until the other nodes have noticed the loss. So it is a part of the first
    /// batch, not of connecting; otherwise pools that try node after node in the meantime would end up on different
    /// ones. (Galera: `wsrep_sync_wait`.)
    func catchUp(_ completion: @escaping (MySQLError?) -> Void) {
        var failure: MySQLError?
        func note(_ result: Result<UInt64, MySQLError>) {
            if case .failure(let error) = result { failure = failure ?? error }
        }
        query("SET @fedify_sync_wait = @@SESSION.wsrep_sync_wait, SESSION wsrep_sync_wait = 1", .read) { note($0) }
        query("SELECT 1", .read, maximumRows: 1) { note($0) }
        query("SET SESSION wsrep_sync_wait = @fedify_sync_wait", .read) { [self] result in
            note(result)
            if failure == nil { lagsBehind = false }
            completion(failure)
        }
        flush()
    }

    /// Prepares a statement if necessary and calls `body`, immediately if that needs no round trip.
    ///
    /// MariaDB can execute a statement that it is still preparing, so the execution is pipelined after the preparation;
    /// MySQL must return its ID first. A statement that changes data is always prepared first: if the connection broke
    /// in between, it could be executed after it was retried elsewhere.
    package func withStatement(
        _ sql: String, _ effect: Effect, _ body: @escaping (Result<PreparedStatement, MySQLError>) -> Void
    ) {
        if let statement = statements.find(sql) { return body(.success(statement)) }
        let statement = PreparedStatement(sql)
        if effect == .read, session.capabilities.contains(.mariaDBBulkOperations) { return body(.success(statement)) }
        prepare(statement) { result in body(result.map { statement }) }
        flush()
    }

    /// Executes a statement from ``withStatement(_:_:_:)``.
    package func execute(
        _ statement: PreparedStatement, _ parameters: [MySQLParameter], _ effect: Effect, maximumRows: Int = 0,
        row: RowHandler? = nil, _ completion: @escaping Completion
    ) {
        guard let id = statement.id else {
            var failure: MySQLError?
            let preparation = PreparedStatement(statement.sql)
            prepare(preparation) { result in
                if case .failure(let error) = result { failure = error }
            }
            append(.binary, effect, maximumRows, row, parameters, preparation: preparation) { result in
                // If there was nothing to execute, report why preparing failed.
                completion(failure.map { .failure($0) } ?? result)
            } write: {
                $0.writeExecute(statement: ByteBuffer.lastPrepared, parameters)
            }
            return
        }
        guard parameters.count == statement.parameters else {
            // An untrusted server may send anything.
            let error = MySQLError(
                .protocolViolation,
                "the server expects \(statement.parameters) parameters for a statement with \(parameters.count)")
            fail(error)
            return completion(.failure(error))
        }
        append(.binary, effect, maximumRows, row, parameters, completion) {
            $0.writeExecute(statement: id, parameters)
        }
    }

    private func prepare(
        _ statement: PreparedStatement, _ completion: @escaping (Result<Void, MySQLError>) -> Void
    ) {
        appendCommand(
            Command(
                decoder: ResponseDecoder(.prepared, deprecatesEOF: deprecatesEOF), effect: .read, maximumRows: 0,
                row: nil, parameters: []
            ) { [self] result in
                guard case .success(.prepared(let prepared)) = result else {
                    if case .failure(let error) = result { makeRoom(after: error) }
                    return completion(result.map { _ in })
                }
                statement.prepared(prepared)
                if let evicted = statements.insert(statement) { output.writeClose(statement: evicted) }
                completion(.success(()))
            }
        ) { $0.writePrepare(statement.sql) }
    }

    /// If the server has reached its limit of prepared statements, close ours.
    private func makeRoom(after error: MySQLError) {
        guard error.serverCode == ServerErrorCode.tooManyPreparedStatements else { return }
        for id in statements.removeAll() { output.writeClose(statement: id) }
        flush()
    }

    private func append(
        _ expectation: ResponseDecoder.Expectation, _ effect: Effect, _ maximumRows: Int, _ row: RowHandler?,
        _ parameters: [MySQLParameter], preparation: PreparedStatement? = nil, _ completion: @escaping Completion,
        write: (inout ByteBuffer) -> Void
    ) {
        appendCommand(
            Command(
                decoder: ResponseDecoder(expectation, deprecatesEOF: deprecatesEOF), effect: effect,
                maximumRows: maximumRows, row: row, parameters: parameters, preparation: preparation
            ) { result in
                switch result {
                case .success(.done(let ok)): completion(.success(ok.affectedRows))
                case .success: completion(.success(0))
                case .failure(let error): completion(.failure(error))
                }
            }, write)
    }

    private func appendCommand(_ command: Command, _ write: (inout ByteBuffer) -> Void) {
        eventLoop.assertInEventLoop()
        guard end == nil else {
            return command.completion(.failure(ended(wasWritten: false, command.effect)))
        }
        let start = output.writerIndex
        write(&output)
        commands.append(command)
        // The packets of the answer continue the numbering of the command, which has several if it is long.
        let packets = (output.writerIndex - start) / (PacketDecoder.maximumChunk + 4) + 1
        commands[commands.endIndex - 1].nextSequence = UInt8(truncatingIfNeeded: packets)
    }

    /// Flushes pending writes.
    package func flush() {
        guard end == nil, let context, output.readableBytes > 0 else { return }
        written = commands.count
        context.writeAndFlush(NIOAny(output), promise: nil)
        if output.capacity > Self.keptCapacity { output = ByteBuffer() }
        // Reuse its memory, unless the channel still needs it.
        output.clear(minimumCapacity: 4096)
    }

    /// A larger buffer is released, in bytes.
    private static let keptCapacity = 1 << 20

    // MARK: - Answers

    private func read(_ input: ByteBuffer) {
        guard end == nil else { return }
        var answers: [(Command, Result<ResponseDecoder.Answer, MySQLError>)] = []
        var ending: MySQLError?
        // Removed while its packets are read: in the queue each packet would cost an access.
        var current = written > 0 ? commands.popFirst() : nil
        do throws(ProtocolError) {
            try decoder.decode(input) { sequence, payload throws(ProtocolError) in
                guard current != nil else { throw Self.unasked }
                guard let answer = try receive(payload, sequence, &current!) else { return true }
                written -= 1
                if case .failure(let error) = answer { ending = endOfConnection(error, current!) }
                answers.append((current!, answer))
                current = written > 0 ? commands.popFirst() : nil
                return ending == nil
            }
            if current == nil, commands.isEmpty, ending == nil, decoder.pendingBytes > 0 { throw Self.unasked }
        } catch {
            ending = MySQLError(.protocolViolation, error.description)
        }
        if let current { commands.prepend(current) }
        // The connection must have ended before completions run, so that they see it.
        let unanswered = ending.map(close) ?? []
        for (command, answer) in answers { command.completion(answer) }
        finish(unanswered)
    }

    private static let unasked = ProtocolError("the server sent an unsolicited packet")

    /// Reads one packet of a command's answer.
    ///
    /// - Returns: The answer, if it is complete.
    private func receive(
        _ payload: UnsafeRawBufferPointer, _ sequence: UInt8, _ command: inout Command
    ) throws(ProtocolError) -> Result<ResponseDecoder.Answer, MySQLError>? {
        let isExempt = payload.first == PacketHeader.error || payload.count >= PacketDecoder.maximumChunk
        guard sequence == command.nextSequence || isExempt else {
            throw ProtocolError("the server sent packets out of order")
        }
        command.nextSequence = sequence &+ 1
        var rows = command.rows
        let (limit, row) = (command.maximumRows, command.row)
        let answer = try command.decoder.decode(payload) { reader throws(ProtocolError) in
            rows += 1
            guard rows <= limit else {
                throw ProtocolError("the server returned more than the requested \(limit) rows")
            }
            try row?(&reader)
        }
        command.rows = rows
        switch answer {
        case nil: return nil
        case .failed(let packet): return .failure(classify(packet, command))
        case let answer?:
            if case .done(let ok) = answer {
                isInTransaction = ok.status.contains(.inTransaction)
                if command.effect == .write, !isInTransaction { hasChanged = true }
            }
            return .success(answer)
        }
    }

    private func classify(_ packet: ErrorPacket, _ command: Command) -> MySQLError {
        if !isDemoted, ServerErrorCode.notWritable.contains(UInt32(packet.code)) {
            isDemoted = true
            onDemotion?()
        }
        return MySQLError(
            packet, changesData: command.effect == .write, parameters: command.parameters, password: password)
    }

    /// The error with which the connection ends, if an answer says so.
    private func endOfConnection(_ error: MySQLError, _ command: Command) -> MySQLError? {
        // Executing a statement that failed to prepare fails too, and adds nothing.
        if let preparation = command.preparation, preparation.id == nil { return nil }
        guard let code = error.serverCode, ServerErrorCode.endsConnection.contains(code) else { return nil }
        return error
    }

    // MARK: - Closing

    /// Closes the connection immediately. Commands that were written may have been applied.
    package func fail(_ error: MySQLError) {
        finish(close(error))
    }

    /// - Returns: The unanswered commands with their errors.
    private func close(_ error: MySQLError) -> [(Command, MySQLError)] {
        guard end == nil else { return [] }
        end = error
        let unanswered = commands.enumerated().map { index, command in
            (command, ended(wasWritten: index < written, command.effect))
        }
        commands = []
        written = 0
        output = ByteBuffer()
        context?.close(promise: nil)
        return unanswered
    }

    private func finish(_ unanswered: [(Command, MySQLError)]) {
        for (command, error) in unanswered { command.completion(.failure(error)) }
        guard end != nil else { return }
        onDemotion = nil
        let (onEnd, onLoss) = (onEnd, onLoss)
        self.onEnd = nil
        self.onLoss = nil
        onEnd?()
        onLoss?()
    }

    /// Closes the connection gracefully.
    package func quit() {
        guard end == nil else { return }
        if commands.isEmpty {
            output.writeQuit()
            flush()
        }
        fail(MySQLError(.closed, "the connection is closed"))
    }

    /// The error of a command that the connection ended before.
    private func ended(wasWritten: Bool, _ effect: Effect) -> MySQLError {
        let end = end ?? .connectionLost
        return MySQLError(
            end.code, end.message, serverCode: end.serverCode, sqlState: end.sqlState,
            mayHaveBeenApplied: wasWritten && effect == .write)
    }
}

extension ConnectionHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        read(unwrapInboundIn(data))
    }

    package func channelInactive(context: ChannelHandlerContext) {
        fail(.connectionLost)
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.connectionLost)
    }
}
