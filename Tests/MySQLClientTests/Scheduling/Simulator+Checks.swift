import NIOCore

@_spi(Scheduling) @testable import MySQLClient

/// Invariants.
extension Simulator {
    func check(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition { fail(text()) }
    }

    func fail(_ text: String) {
        if violation == nil { violation = text }
    }

    func checkBatch(_ requests: [SimulatedRequest], _ lane: Int, _ id: Int) {
        guard let first = requests.first else { return fail("an empty batch") }
        books.follow(machine.estimatedRoundTrip)
        let account = books.lanes[lane]
        check(account.wanted > 0, "a batch beyond the limit of its lane")
        check(connections[id].map { $0.expires > now } == true, "a batch on a connection that is too old")
        check(connections[id]?.generation == books.generation, "a batch for a server that was left")
        check(requests.count <= account.policy.maximumRequests, "a batch too large")
        check(requests.count == 1 || requests.reduce(0) { $0 + $1.size } <= 1000, "a batch with too many bytes")
        var index = account.front
        for request in requests {
            while index < account.queue.count, account.queue[index].state != .waiting { index += 1 }
            guard index < account.queue.count, account.queue[index] === request else {
                return fail("a request is taken out of turn")
            }
            index += 1
            check(time <= request.waitsUntil + lateness, "a request is taken though its wait has ended")
            let wait = now - Int(request.created.uptimeNanoseconds)
            let mayStarve = !request.isCalm || scenario.hasPrecedence
            check(mayStarve || wait <= request.longestWait, "a request starves: it waited \(wait) ns")
        }
        for other in books.lanes where other.wanted > 0 {
            guard let oldest = other.first else { continue }
            check(order(first) <= order(oldest), "an older request of another lane is left behind")
        }
    }

    private func order(_ request: SimulatedRequest) -> Int {
        request.lane == .termination ? 0 : request.number
    }

    /// Before a further connection is opened.
    func checkOpening() {
        check(connections.count < scenario.maximumConnections, "more connections than may be")
        check(!books.isClosed, "a closed machine opens a connection")
        check(!connections.values.contains { $0.phase == .idle }, "a connection is opened while another is idle")
        guard books.failures > 0 else { return }
        check(!connections.values.contains { $0.phase == .opening }, "two attempts while the server can't be reached")
        check(now >= books.pauseEnds, "an attempt during a pause")
    }

    /// After every event.
    func checkState() {
        var status = SchedulerStateMachine.Status()
        var (reserved, opening) = (0, 0)
        for connection in connections.values {
            status.connections += 1
            switch connection.phase {
            case .opening: opening += 1
            case .idle: status.idle += 1
            case .reserved: reserved += 1
            case .busy: status.inUse += 1
            }
        }
        status.waiting = books.waiting
        check(machine.status == status, "the machine believes \(machine.status), but it is \(status)")
        check(machine.timerTime == books.timer, "the timer isn't what was asked for")
        books.follow(machine.estimatedRoundTrip)
        checkWork(reserved: reserved, opening: opening, isIdle: status.idle > 0)
    }

    /// A request that may be sent has a connection, or one is being opened.
    private func checkWork(reserved: Int, opening: Int, isIdle: Bool) {
        guard !books.isClosed else { return check(books.waiting == 0, "a closed machine lets wait") }
        var wanted = 0
        for lane in books.lanes where lane.waiting > 0 {
            wanted += lane.wanted
            if let first = lane.first { check(machine.timerTime <= first.waitsUntil, "nothing will end a wait") }
        }
        guard wanted > reserved else { return }
        check(!isIdle, "a connection is idle while requests wait")
        check(opening <= scenario.maximumOpening, "too many connections are opened at once")
        guard wanted > reserved + opening, opening < scenario.maximumOpening,
            connections.count < scenario.maximumConnections
        else { return }
        // After the last one was lost a single attempt goes ahead.
        let isCutOff = opening > 0 && connections.count == opening
        check(books.failures > 0 || isCutOff, "no connection is opened though requests wait")
        if opening == 0 {
            check(machine.timerTime <= .nanosecond(max(now, books.pauseEnds)), "no attempt follows a pause")
        }
    }

    /// When nothing is left to happen.
    func checkEnd() {
        check(books.requests.allSatisfy(\.isSettled), "a request was never answered")
        check(batches.isEmpty, "a batch never ended")
        check(connections.isEmpty && machine.status == .init(), "it isn't at rest: \(machine.status)")
        check(machine.timerTime == .distantFuture, "a timer is left")
        check(books.allClosed == (books.isClosed ? 1 : 0), "all was closed \(books.allClosed) times")
        let calm = books.requests.filter { $0.isCalm && $0.state == .answered }
        let mayBeNone = books.isClosed || books.isFull || scenario.calmRequests == .max
        check(!calm.isEmpty || mayBeNone, "no request was served after the faults")
        if !books.isClosed {
            books.isClosed = true
            perform(machine.close())
            check(books.allClosed == 1, "a machine at rest isn't closed at once")
        }
    }
}
