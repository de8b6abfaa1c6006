import DequeModule
import FedifyMQ
import MySQLClient

extension Listener {
    /// Executes a transaction, and gives the claimed messages to handlers.
    func execute(_ work: QueueTransaction) async {
        let (statements, lease) = (statements, delivery.lease)
        let begun = ContinuousClock.now
        do {
            let answer = try await queue.pool.withConnection { connection in
                try await work.run(statements, lease: lease, on: connection)
            }
            failures = 0
            finish(work, answer, begun: begun)
        } catch let error as MySQLError {
            await failed(work, error)
        } catch {
            await failed(work, .deadlineExceeded(mayHaveBeenApplied: true))
        }
        transactions -= 1
        wanted -= work.wanted
        pump()
    }

    private func finish(
        _ work: QueueTransaction, _ answer: QueueTransaction.Answer, begun: ContinuousClock.Instant
    ) {
        settled(work.settlements, lost: answer.lost)
        for settlement in work.keyed { keySettled(settlement) }
        if work.wanted > 0 { plan(work, answer, begun: begun) }
        guard !answer.claimed.isEmpty else { return }
        queue.instrumentation.received(answer.claimed.count)
        add(answer.claimed, token: answer.token, until: begun + delivery.lease * 0.95)
    }

    /// - Parameters:
    ///   - settlements: What was settled.
    ///   - lost: The number of them whose lease was lost. (The statement doesn't say which.)
    private func settled(_ settlements: [QueueTransaction.Settlement], lost: Int = 0) {
        for settlement in settlements { leases[settlement.serial] = nil }
        for settlement in settlements.dropFirst(lost) { note(settlement) }
        if lost > 0 { queue.instrumentation.settled(.lost, count: lost) }
    }

    /// Counts a settled message.
    func note(_ settlement: QueueTransaction.Settlement) {
        switch settlement.action {
        case .delete: queue.instrumentation.settled(.done)
        case .retry, .note: queue.instrumentation.settled(.retry)
        case .bury: queue.instrumentation.settled(.reject)
        case .release: queue.instrumentation.settled(.release)
        }
        if !countsAttempts {
            switch settlement.action {
            case .delete, .bury: attempts[settlement.id] = nil
            case .retry, .note, .release: break
            }
        }
    }

    /// When to look for messages again, and how many to claim ahead.
    private func plan(
        _ work: QueueTransaction, _ answer: QueueTransaction.Answer, begun: ContinuousClock.Instant
    ) {
        let (now, longest) = (ContinuousClock.now, longestPause)
        let found = answer.claimed.count
        if work.position == QueueTransaction.start {
            nextFullLook = now + max(.milliseconds(200), Self.rest(after: begun.duration(to: now)))
        }
        hasFoundDue = work.onlyLooks && !answer.isQuiet
        if hasFoundDue {
            nextLook = now
            return
        }
        if found < work.wanted { quietSince = begun }
        if answer.isQuiet {
            pause = min(longest, max(pause * 1.5, Self.shortestPause))
            nextLook = now + min(pause, answer.nextDue ?? pause)
            ahead = 0
            return
        }
        // Due messages that were not claimed have keys.
        keys.look(at: found == 0 ? now : now + .milliseconds(50))
        if found == work.wanted {
            // There are more. If all handlers have come to an end since the last claim, claim more at a time.
            pause = .zero
            nextLook = now
            let (counts, more) = (pool.counts, min(Self.batch, max(16, 2 * ahead)))
            ahead = counts.leased == 0 && counts.total - endedBeforeClaim >= work.wanted ? more : ahead / 2
            position = answer.claimed.last?.deliverAfter
        } else {
            position = nil
            pause = found > 0 ? Self.shortestPause : min(longest, max(pause * 1.5, Self.shortestPause))
            nextLook = now + pause
            if found == 0 { ahead = 0 }
        }
        endedBeforeClaim = pool.counts.total
    }

    /// A look at a whole index passes the marks of all deleted rows that the server has not purged yet: a fiftieth of the
    /// time is enough for it, or a fifth where it takes long.
    static func rest(after look: Duration) -> Duration { min(look * 49, max(.seconds(2), look * 4)) }

    /// So that a message is found within the interval: the look takes time, too.
    var longestPause: Duration { queue.options.pollInterval * 0.95 }
    /// Between two looks while messages come.
    private static let shortestPause = Duration.milliseconds(5)

    // MARK: - Failures

    private func failed(_ work: QueueTransaction, _ error: MySQLError) async {
        noteFailure(error)
        // The pool was closed: there is nothing to listen to.
        if error.code == .closed { end() }
        if error.serverCode == ServerErrorCode.noSuchTable { await createTables() }
        if error.serverCode == ServerErrorCode.unknownColumn { countsAttempts = false }
        let parts = work.settlements.count + work.keyed.count
        if error.code == .server, !error.mayPass, error.serverCode != ServerErrorCode.noSuchTable, parts == 1 {
            // It can't be settled. Its lease ends, or its key is given up, and it is delivered again.
            settled(work.settlements)
            for settlement in work.keyed { giveUpKey(settlement.key ?? "") }
        } else {
            let isDivided = error.code == .server && !error.mayPass && parts > 1
            for settlement in work.settlements.reversed() { ended.prepend(settlement.serial) }
            keys.putBack(work.keyed)
            if isDivided { await settleEach(work) }
        }
        if work.wanted > 0 {
            nextLook = max(nextLook, .now + retryPause)
            quietSince = nil
        }
        // Not more often than that, whatever else happens.
        try? await Task.sleep(for: retryPause)
    }

    private var retryPause: Duration {
        .milliseconds(min(1000, 10 << min(failures, 7))) * Double.random(in: 0.5...1)
    }

    /// One of a transaction's settlements is refused: each is settled for itself.
    private func settleEach(_ work: QueueTransaction) async {
        ended.removeAll { serial in work.settlements.contains { $0.serial == serial } }
        keys.takeSettlements(of: work.keyed)
        for settlement in work.settlements {
            await execute(alone: QueueTransaction(settlements: [settlement], countsAttempts: countsAttempts))
        }
        for settlement in work.keyed {
            await execute(alone: QueueTransaction(keyed: [settlement], countsAttempts: countsAttempts))
        }
    }

    private func execute(alone work: QueueTransaction) async {
        transactions += 1
        await execute(work)
    }

    private func createTables() async {
        let schema = QueueSchema(statements: statements, tableName: queue.options.tableName)
        do {
            try await queue.access.withConnection(RetryPolicy(createsTable: false)) { connection in
                try await schema.create(on: connection)
                try await schema.createDeadTable(on: connection)
            }
        } catch {
            queue.access.log.log(.warning, "the queue's tables could not be created", [\.error: "\(error)"])
        }
    }
}
