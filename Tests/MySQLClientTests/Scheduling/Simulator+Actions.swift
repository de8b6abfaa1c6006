import NIOCore

@_spi(Scheduling) @testable import MySQLClient

/// Does what the machine wants done.
extension Simulator {
    func perform(_ actions: [SchedulerStateMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: SchedulerStateMachine.Action) {
        guard violation == nil else { return }
        switch action {
        case .schedule(let id):
            check(connections[id]?.phase == .idle, "a connection that isn't idle is reserved")
            connections[id]?.phase = .reserved
            let begin = id == current ? now : max(now, connections[id]?.loopIsBusyUntil ?? 0) + loopDelay()
            if !strikes(.forgottenSchedule) { events.add(.eventLoop(id), at: begin) }
        case .open(let id):
            if strikes(.forgottenOpen) { return }
            open(id)
            if strikes(.secondOpen) { open(id + 1_000_000) }
        case .close(let id):
            let phase = connections[id]?.phase
            check(phase == .idle || phase == .opening, "a connection that is in use, or isn't there, is closed")
            if !strikes(.forgottenClose) { connections[id] = nil }
        case .expire(let id, let requests): expire(id, requests)
        case .abandon(let id):
            guard case .busy(let number) = connections[id]?.phase else {
                return fail("a connection without a batch is abandoned")
            }
            let isAllSettled = batches[number]?.requests.allSatisfy(\.isSettled) == true
            check(isAllSettled || fault == .forgottenExpiry, "a batch is abandoned that callers wait for")
            if strikes(.forgottenAbandon) { return }
            books.abandoned.insert(number)
            events.add(.broken(number), at: now + loopDelay())
        case .fail(let requests, let reason): fail(requests, reason)
        case .setTimer(let time):
            books.timer = time
            timerNumber += 1
            guard time < .distantFuture else { return fail("a timer for no time") }
            if strikes(.forgottenTimer) { return }
            let late = scenario.timerLateness == 0 ? 0 : random.number(0...scenario.timerLateness)
            let due = max(now, Int(time.uptimeNanoseconds)) + (fault == .lateTimer ? late + 20_000_000 : late)
            events.add(.timer(timerNumber), at: due)
        case .allClosed:
            if strikes(.forgottenAllClosed) { return }
            books.allClosed += strikes(.secondAllClosed) ? 2 : 1
            check(books.isClosed && connections.isEmpty, "all is closed though something isn't")
        }
    }

    private func expire(_ id: Int, _ requests: [ScheduledRequest]) {
        guard case .busy(let number) = connections[id]?.phase else {
            return fail("requests expire on a connection without a batch")
        }
        check(!requests.isEmpty, "nothing expires")
        if strikes(.forgottenExpiry) { return }
        for case let request as SimulatedRequest in requests {
            check(request.deadline <= time, "a request expires before its deadline")
            check(request.state == .underWay(number), "a request expires that isn't under way here: \(request.state)")
            settle(request, .expired)
        }
    }

    private func fail(_ requests: [ScheduledRequest], _ reason: SchedulerStateMachine.FailureReason) {
        check(!requests.isEmpty, "no request is failed")
        if strikes(.forgottenFailure) { return }
        if strikes(.failureUnderWay), let batch = batches.min(by: { $0.key < $1.key })?.value {
            settle(batch.requests[0], .failed)
        }
        for case let request as SimulatedRequest in requests {
            check(request.state == .waiting, "a request is failed that doesn't wait: \(request.state)")
            check(isRight(reason, request), "a request is failed for a wrong reason: \(reason)")
            settle(request, .failed)
        }
    }

    private func isRight(_ reason: SchedulerStateMachine.FailureReason, _ request: SimulatedRequest) -> Bool {
        let isLate = request.waitsUntil <= time && time <= request.waitsUntil + lateness
        switch reason {
        case .cancelled: return books.cancelled.contains(ObjectIdentifier(request))
        case .closed: return books.isClosed
        case .tooManyQueuedOperations: return books.waiting > scenario.maximumQueuedOperations
        case .waitedTooLong: return isLate
        case .stillConnecting: return isLate && connections.values.allSatisfy { $0.phase == .opening }
        case .connection: return books.isFinalFailure || (isLate && books.failures > 0)
        }
    }
}
