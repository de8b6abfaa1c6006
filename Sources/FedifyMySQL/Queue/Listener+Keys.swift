import DequeModule
import FedifyJSON
import FedifyMQ
import MySQLClient

/// Messages with ordering keys. A key's messages are handled under its lock, one after the other. The row of a message is
/// not touched before that is settled: if the process ends, so does the lock, and the message is still the first.
extension Listener {
    /// Messages of a key that are read at a time.
    private static let messagesOfKey = 16
    /// A key is given up after so many messages if others wait.
    private static let longestRun = 64

    /// Starts what can be started.
    func pumpKeys() {
        guard phase == .listening else { return giveUpWaitingKeys() }
        if !keys.isLooking, keys.nextLook <= .now, keys.hasRoom {
            keys.isLooking = true
            Task { await self.lookForKeys() }
        }
        // Messages without keys can have half of the handlers for themselves.
        let free = concurrency - min(leases.count - ended.count, concurrency / 2) - keys.atHandlers
        guard !keys.isLocking, !keys.candidates.isEmpty, free > 0, keys.retryAt.map({ $0 <= .now }) ?? true else {
            return
        }
        keys.isLocking = true
        let candidates = keys.takeCandidates(min(free, Self.batch))
        Task { await self.lock(candidates) }
    }

    // MARK: - Finding keys

    private func lookForKeys() async {
        let (statements, cursor) = (statements, keys.cursor)
        // While claims look for messages, they see those with keys too.
        let longest = room > 0 ? max(.seconds(5), longestPause) : longestPause
        let begun = ContinuousClock.now
        do {
            let (oldest, next) = try await queue.pool.withConnection { connection in
                let oldest = try await connection.rows(
                    statements.oldestKeys, [.integer(1000)], maximumRows: 1000
                ).rows.compactMap { $0.text(0) }
                return try await (oldest, Self.walk(from: cursor, statements, on: connection))
            }
            keys.cursor = next.end
            let isNews = keys.add(oldest + next.ready, at: .now)
            keys.pause = isNews ? .milliseconds(10) : min(longest, max(keys.pause * 1.5, .milliseconds(10)))
            // With more keys than one look finds, the next ones follow at once.
            if isNews, !keys.cursor.isEmpty { keys.pause = .zero }
            keys.earliestLook = isNews ? .now : .now + Self.rest(after: begun.duration(to: .now))
        } catch {
            noteFailure(error)
            keys.pause = min(.seconds(1), max(longest, .milliseconds(250)))
            if (error as? MySQLError)?.serverCode == ServerErrorCode.noSuchTable { try? await queue.access.create() }
        }
        keys.nextLook = max(.now + keys.pause, keys.earliestLook)
        keys.isLooking = false
        pump()
    }

    /// Goes through the keys from one on, and finds those whose first message is ready.
    ///
    /// - Returns: The keys, and where the next walk begins.
    private static func walk(
        from start: String, _ statements: QueueStatements, on connection: MySQLConnection
    ) async throws(MySQLError) -> (ready: [String], end: String) {
        var (ready, end): ([String], String) = ([], start)
        for _ in 0..<4 {
            let rows = try await connection.rows(
                statements.keys, [.text(end), .integer(Int64(batch))], maximumRows: batch
            ).rows
            var last: String?
            for row in rows {
                guard let key = row.text(0), key != last else { continue }
                if row.integer(1) == 1 { ready.append(key) }
                last = key
            }
            guard let last, rows.count == batch else { return (ready, "") }
            end = last + QueueStatements.afterKey
        }
        return (ready, end)
    }

    // MARK: - Locking

    private func lock(_ candidates: [String]) async {
        defer {
            keys.isLocking = false
            pump()
        }
        guard let session = await session() else {
            for key in candidates { keys.left(key, isCandidate: true) }
            return
        }
        let (statements, counted, limit) = (statements, countsAttempts, Self.messagesOfKey)
        let table = queue.options.tableName
        do {
            let names = candidates.map { LockName.make($0, table: table) }
            let answers = try await session.lock(names)
            keys.sessionFailures = 0
            var locked: [(key: String, name: String)] = []
            for ((key, name), answer) in zip(zip(candidates, names), answers) {
                switch answer {
                case .success(true): locked.append((key, name))
                case .success(false): keys.left(key, isBusy: true)
                case .failure(let error):
                    // Another program's key, of which this server can't make a lock.
                    keys.left(key, isUnusable: true)
                    noteFailure(error)
                }
            }
            guard !locked.isEmpty else { return }
            let lockedKeys = locked.map(\.key)
            let found = try await queue.access.withConnection { connection in
                try await connection.pipeline(
                    lockedKeys.map { key in
                        .query(
                            statements.messages(counted: counted), Self.parameters(key), rows: limit)
                    })
            }
            var free: [(key: String, name: String)] = []
            for ((key, name), answer) in zip(locked, found) {
                let messages = try Self.messages(answer.get().rows)
                // The session, and its locks, may have ended in the meantime.
                guard keys.session === session, !messages.isEmpty, phase == .listening else {
                    free.append((key, name))
                    continue
                }
                keys.locked(
                    key, OrderedKeys.Run(lockName: name, messages: messages, mayHaveMore: messages.count == limit))
                handleFirst(of: key)
            }
            await unlock(free.map(\.key), free.map(\.name), session)
        } catch {
            noteFailure(error)
            for key in candidates where keys.held[key] == nil { keys.left(key, isCandidate: true) }
            // Whichever locks it holds.
            keys.retryAt = .now + .milliseconds(250)
            await session.close()
        }
    }

    private static func parameters(_ key: String) -> [MySQLParameter] {
        [.text(key), .integer(Int64(key.utf8.count)), .integer(Int64(messagesOfKey))]
    }

    private static func messages(_ rows: [MySQLRow]) -> Deque<OrderedKeys.Message> {
        Deque(
            rows.compactMap { row in
                guard let id = row.text(0), let message = row.text(1) else { return nil }
                return OrderedKeys.Message(
                    id: id, message: JSONValue(uncheckedJSON: message), attempts: row.integer(2).map { Int($0) })
            })
    }

    /// The session of the locks, opened if there is none.
    private func session() async -> LockSession? {
        if let session = keys.session { return session }
        do {
            let session = try await LockSession.open(beside: queue.pool, lease: delivery.lease) { [weak self] in
                guard let self else { return }
                Task { await self.sessionEnded() }
            }
            // If it ends from now on, that is noticed; before, there was none to be noticed.
            keys.session = session
            keys.retryAt = nil
            if session.isLost { sessionEnded() }
            return session
        } catch {
            noteFailure(error)
            keys.sessionFailures += 1
            keys.retryAt = .now + .milliseconds(min(1000, 100 << min(keys.sessionFailures, 4)))
            return nil
        }
    }

    private func sessionEnded() {
        let deliveries = keys.lostSession()
        for delivery in deliveries { delivery.stop(.leaseLost) }
        pump()
    }

    private func unlock(_ keys: [String], _ names: [String], _ session: LockSession) async {
        guard !keys.isEmpty else { return }
        do {
            try await session.unlock(names)
        } catch {
            await session.close()
        }
        for key in keys { self.keys.left(key, isBusy: true) }
    }

    // MARK: - Handling

    /// Gives the first message of a key to a handler.
    private func handleFirst(of key: String) {
        guard let message = keys.held[key]?.messages.first else { return }
        let attempt = (message.attempts ?? attempts[message.id] ?? 0) + 1
        let delivery = Delivery(
            ReceivedMessage(
                id: message.id, message: message.message, orderingKey: key,
                attempt: countsAttempts ? attempt : nil, control: DeliveryControl()))
        keys.held[key]?.delivery = delivery
        keys.held[key]?.attempt = attempt
        keys.atHandlers += 1
        queue.instrumentation.received(1)
        pool.add([HandlerPool.Job(source: .key(key), delivery: delivery)])
    }

    func keyedHandled(_ key: String, _ delivery: Delivery, _ outcome: DeliveryOutcome?) {
        keys.atHandlers -= 1
        // Otherwise it is of a session that has ended.
        let isHeld = keys.held[key]?.delivery === delivery
        let (id, attempt) = (delivery.received.id, keys.held[key]?.attempt ?? 1)
        if isHeld { keys.held[key]?.delivery = nil }
        guard let outcome else { return queue.instrumentation.settled(.lost) }
        if !countsAttempts, case .retry = outcome { countHere(id, attempt) }
        switch action(outcome, id: id, attempt: attempt) {
        case .release:
            queue.instrumentation.settled(.release)
            if isHeld { giveUpKey(key) }
        case .retry(let pause, let reason) where self.delivery.whenFailed == .block:
            guard isHeld else { return }
            settle(.note(reason: reason), id, key: nil)
            block(key, attempt, for: pause)
        case let action:
            // If the lock is lost by now, what was done is done all the same.
            guard isHeld || action == .delete else { return }
            settle(action, id, key: isHeld ? key : nil)
        }
    }

    private func settle(_ action: QueueTransaction.Action, _ id: String, key: String?) {
        keys.settle(QueueTransaction.Settlement(id: id, token: nil, action: action, key: key))
    }

    /// Keeps a key locked until its first message is tried again.
    private func block(_ key: String, _ attempt: Int, for pause: Duration) {
        guard var run = keys.held[key], let message = run.messages.first else { return }
        run.messages[0] = OrderedKeys.Message(
            id: message.id, message: message.message, attempts: message.attempts == nil ? nil : attempt)
        keys.held[key] = run
        let session = keys.session
        Task {
            try? await Task.sleep(for: pause)
            self.unblock(key, of: session)
        }
    }

    private func unblock(_ key: String, of session: LockSession?) {
        guard keys.session === session, keys.held[key] != nil, phase == .listening else { return }
        handleFirst(of: key)
    }

    /// The first message of a key is settled: its next one follows.
    func keySettled(_ settlement: QueueTransaction.Settlement) {
        note(settlement)
        guard keys.settled(settlement), let key = settlement.key, let run = keys.held[key] else { return }
        if phase != .listening || run.handled >= Self.longestRun && !keys.candidates.isEmpty {
            return giveUpKey(key, isCandidate: true)
        }
        if !run.messages.isEmpty {
            handleFirst(of: key)
        } else if run.mayHaveMore {
            Task { await self.readMore(key) }
        } else {
            giveUpKey(key)
        }
    }

    private func readMore(_ key: String) async {
        keys.held[key]?.mayHaveMore = false
        let (statements, counted, limit, session) = (statements, countsAttempts, Self.messagesOfKey, keys.session)
        do {
            let messages = try await queue.access.withConnection { connection in
                try await connection.rows(
                    statements.messages(counted: counted), Self.parameters(key), maximumRows: limit
                ).rows
            }
            defer { pump() }
            guard keys.session === session, keys.held[key] != nil else { return }
            guard !messages.isEmpty, phase == .listening else {
                return giveUpKey(key, isCandidate: keys.held[key]?.mayHaveMore ?? false)
            }
            keys.held[key]?.messages = Self.messages(messages)
            if messages.count == limit { keys.held[key]?.mayHaveMore = true }
            handleFirst(of: key)
        } catch {
            noteFailure(error)
            giveUpKey(key, isCandidate: true)
            pump()
        }
    }

    // MARK: - Giving keys up

    func giveUpKey(_ key: String, isCandidate: Bool = false) {
        guard let run = keys.release(key) else { return }
        guard let session = keys.session else { return keys.left(key, isCandidate: isCandidate) }
        Task {
            do {
                try await session.unlock([run.lockName])
            } catch {
                await session.close()
            }
            self.left(key, isCandidate)
        }
    }

    private func left(_ key: String, _ isCandidate: Bool) {
        keys.left(key, isCandidate: isCandidate)
        pump()
    }

    /// At the end of listening: those without a handler.
    private func giveUpWaitingKeys() {
        for (key, run) in keys.held where run.delivery == nil && !keys.isSettling(key) { giveUpKey(key) }
    }
}
