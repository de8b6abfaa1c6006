import FedifyMQ
import MySQLClient
import NIOConcurrencyHelpers

extension Listener {
    /// Renews leases, cancels handlers whose time is over, and keeps the session of the locks alive, until it is
    /// cancelled.
    func watch() async {
        let handlerTimeout = delivery.handlerTimeout
        // A lease is taken for over at 95 % of its time: the rest must be more than a tick.
        let tick = max(
            .milliseconds(10),
            min(delivery.lease / 100, .milliseconds(500), handlerTimeout.map { $0 / 10 } ?? .seconds(1)))
        while (try? await Task.sleep(for: tick)) != nil {
            expire()
            // Settlements may wait for a claim that takes long.
            pump()
            if let handlerTimeout { pool.stopAll(.timedOut, begunBefore: .now - handlerTimeout) }
            renew()
            if let session = keys.session { Task { await session.keepAlive() } }
            let inWork = leases.count + keys.atHandlers
            queue.instrumentation.inWork(changedBy: inWork - reported)
            reported = inWork
            if nextMeasurement <= .now {
                nextMeasurement = .now + .seconds(30)
                if queue.instrumentation.isMeasured { Task { await queue.measure() } }
            }
        }
    }

    /// Messages that another worker may have by now.
    private func expire() {
        let now = ContinuousClock.now
        for lease in leases.values where lease.until <= now && lease.outcome == nil {
            lease.delivery.stop(.leaseLost)
        }
    }

    private func renew() {
        let soon = ContinuousClock.now + delivery.lease * (2.0 / 3)
        let due = leases.filter { $0.value.until <= soon && !$0.value.isRenewing && $0.value.outcome == nil }
        guard !due.isEmpty else { return }
        for serials in due.keys.sorted().chunked(Self.batch) {
            Task {
                do {
                    try await self.renew(serials, for: self.delivery.lease)
                } catch {
                    self.noteFailure(error)
                }
                self.pump()
            }
        }
    }

    /// A handler asks for a longer lease.
    func extend(_ serial: Serial, by time: Duration) async throws(MQError) -> ContinuousClock.Instant? {
        do {
            while leases[serial]?.isRenewing == true { try await Task.sleep(for: .milliseconds(5)) }
            // The handler may have ended while its lease had no token to settle it by.
            defer { pump() }
            try await renew([serial], for: time)
        } catch {
            throw MQError(wrapping: error)
        }
        guard let lease = leases[serial], lease.until > .now else {
            throw MQError(.leaseLost, "the lease has ended: another handler may have the message")
        }
        return lease.until
    }

    /// Gives leases a new end. One that is not ours any more is lost, and its handler is cancelled.
    private func renew(_ serials: [Serial], for time: Duration) async throws {
        let tokens = serials.reduce(into: [Serial: (id: String, token: String)]()) { tokens, serial in
            guard let lease = leases[serial] else { return }
            tokens[serial] = (lease.id, lease.token)
            leases[serial]?.isRenewing = true
        }
        // They were settled in the meantime.
        guard !tokens.isEmpty else { return }
        defer { for serial in serials { leases[serial]?.isRenewing = false } }
        let begun = ContinuousClock.now
        let statements = statements
        // An attempt whose answer was lost may have renewed them, or may yet do so.
        let drawn = NIOLockedValueBox<Set<String>>([])
        let renewed = try await queue.access.withConnection { connection in
            try await Self.renew(tokens, statements, drawn, for: time, on: connection)
        }
        for (serial, token) in renewed {
            guard let token else {
                leases[serial]?.delivery.stop(.leaseLost)
                continue
            }
            leases[serial]?.token = token.token
            guard token.isNew else { continue }
            // It begins when the server draws the token, which is after this.
            let until = begun + time * 0.95
            leases[serial]?.until = until
            leases[serial]?.delivery.received.control.leasedUntil = until
        }
    }

    private typealias Renewed = (token: String, isNew: Bool)

    /// - Returns: The token of each lease; nil: it is lost.
    private static func renew(
        _ leases: [Serial: (id: String, token: String)], _ statements: QueueStatements,
        _ drawn: NIOLockedValueBox<Set<String>>, for time: Duration, on connection: MySQLConnection
    ) async throws(MySQLError) -> [Serial: Renewed?] {
        let row = try await connection.rows(statements.newToken, [.integer(time.microseconds)]).rows.first
        let token = row?.moment(0) ?? ""
        let former = drawn.withLockedValue { drawn in
            defer { drawn.insert(token) }
            return drawn
        }
        let size = BatchSize.bucket(notBelow: leases.count)
        let ids = leases.values.map(\.id).sorted().map(MySQLParameter.text).filled(to: size)
        // Of an id that was lost and claimed again there are two leases, each with a token of its own.
        var writes: [PipelinedStatement] = []
        for (present, group) in Dictionary(grouping: leases.values, by: \.token).sorted(by: { $0.key < $1.key }) {
            let size = BatchSize.bucket(notBelow: group.count)
            let ids = group.map(\.id).sorted().map(MySQLParameter.text).filled(to: size)
            writes.append(.write(statements.renew(rows: size), [.text(token)] + ids + [.text(present)]))
        }
        for answer in try await connection.pipeline(writes) { _ = try answer.get() }
        let rows = try await connection.rows(statements.tokens(rows: size), ids, .read, maximumRows: size).rows
        var found: [String: String] = [:]
        for row in rows { found[row.text(0) ?? ""] = row.moment(1) }
        return leases.mapValues { lease in
            guard let present = found[lease.id] else { return nil }
            if present == token { return (token, true) }
            return present == lease.token || former.contains(present) ? (present, false) : nil
        }
    }
}

extension Array {
    /// Parts of at most this size.
    func chunked(_ size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
