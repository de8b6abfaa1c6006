import NIOCore

@_spi(Scheduling) @testable import MySQLClient

/// Callers, and connections as seen by the client.
extension Simulator {
    // MARK: - Callers

    func call(_ index: Int) {
        let caller = scenario.callers[index]
        let isCalm = now >= scenario.calm
        guard now < scenario.end, !books.isClosed || random.chance(0.5) else { return }
        guard isCalm || books.faultyRequests < scenario.faultyRequests else {
            return events.add(.call(index), at: scenario.calm + random.number(0...1_000_000))
        }
        guard books.calmRequests < scenario.calmRequests else { return }
        if isCalm { books.calmRequests += 1 } else { books.faultyRequests += 1 }
        let hour = 3_600_000_000_000
        let request = SimulatedRequest(
            books.requests.count + 1, lane: LaneID(rawValue: caller.lane), size: random.number(scenario.sizes),
            caller: index, isCalm: isCalm, now: now, waits: isCalm ? hour : random.number(scenario.waits),
            deadline: isCalm ? hour : random.number(scenario.deadlines))
        if caller.isOpenLoop { events.add(.call(index), at: now + pause(caller)) }
        if !isCalm, random.chance(scenario.cancelChance) {
            if random.chance(0.2) {
                books.cancelled.insert(ObjectIdentifier(request))
                perform(machine.cancel(request))
            } else {
                events.add(.cancel(request), at: now + random.number(0...5_000_000))
            }
        }
        books.requests.append(request)
        books.enqueue(request, now)
        perform(machine.enqueue(request, now: time))
    }

    private func pause(_ caller: Scenario.Caller) -> Int {
        1_000 + random.number(0...2 * max(caller.pause, 1_000))
    }

    func cancel(_ request: SimulatedRequest) {
        guard !request.isSettled else { return }
        books.cancelled.insert(ObjectIdentifier(request))
        if strikes(.forgottenCancel), request.state == .waiting { return settle(request, .failed) }
        perform(machine.cancel(request))
        check(request.state != .waiting, "a request that was cancelled waits still")
    }

    /// The one place where a caller is answered.
    ///
    /// - Parameters:
    ///   - request: What was asked.
    ///   - state: How it is answered.
    ///   - delay: Until the event loop has handed out the answer.
    func settle(_ request: SimulatedRequest, _ state: SimulatedRequest.State, delay: Int = 0) {
        check(!request.isSettled, "a request is answered twice: \(request.state), \(state)")
        if request.state == .waiting { books.leaves(request) }
        request.state = state
        request.settled = now + delay
        check(time <= request.deadline + lateness, "a caller is answered after its deadline")
        if request.isCalm, !books.isClosed {
            check(state == .answered || books.isFull, "a request failed though all was well")
        }
        let caller = scenario.callers[request.caller]
        if !caller.isOpenLoop { events.add(.call(request.caller), at: now + delay + pause(caller)) }
    }

    var lateness: TimeAmount { .nanoseconds(Int64(scenario.timerLateness)) }

    // MARK: - Connections

    func attemptEnds(_ id: Int, _ isHopeless: Bool) {
        guard connections[id]?.phase == .opening else {
            // It was given up, and learns of it now.
            let actions = machine.opened(id, lifetime: .hours(1), now: time)
            guard case .close(id)? = actions.first, actions.count == 1 else {
                return fail("an attempt that was given up goes on: \(actions)")
            }
            return
        }
        let refusal = scenario.refusal(at: now)
        if isHopeless || refusal != nil {
            connections[id] = nil
            let jitter = random.fraction()
            books.attemptFailed(now, jitter, scenario)
            books.isFinalFailure = refusal?.isFinal == true && !connections.values.contains { $0.phase != .opening }
            let error = MySQLError(.connectionFailed, "refused")
            let isFinal = refusal?.isFinal == true
            perform(machine.openFailed(id, error, isFinal: isFinal, jitter: jitter, now: time))
            check(!books.isFinalFailure || books.waiting == 0, "a final failure leaves requests waiting")
            books.isFinalFailure = false
        } else {
            books.failures = 0
            let lifetime = random.number(scenario.lifetime)
            connections[id]?.phase = .idle
            connections[id]?.expires = now + lifetime
            measure()
            perform(machine.opened(id, lifetime: .nanoseconds(Int64(lifetime)), now: time))
        }
    }

    func take(_ id: Int) {
        let (taken, actions) = machine.take(id, byteLimit: 1000, now: time)
        guard connections[id]?.phase == .reserved else {
            check(taken == nil && actions.isEmpty, "a connection that isn't reserved takes")
            return
        }
        connections[id]?.phase = .idle
        guard let taken else { return perform(actions) }
        var requests = taken.requests.compactMap { $0 as? SimulatedRequest }
        if strikes(.lastFirst) { requests.reverse() }
        if strikes(.leftOut) { requests.removeFirst() }
        let lane = strikes(.wrongLane) ? (taken.lane.rawValue + 1) % scenario.lanes.count : taken.lane.rawValue
        checkBatch(requests, lane, id)
        batchNumber += 1
        for request in requests {
            books.leaves(request)
            request.state = .underWay(batchNumber)
        }
        books.lanes[lane].batches += 1
        connections[id]?.phase = .busy(batchNumber)
        batches[batchNumber] = SimulatedBatch(
            connection: id, lane: lane, requests: requests, sent: now,
            furtherQuestions: scenario.lanes[lane].asksTwice && requests.count > 1 ? 1 : 0)
        send(batchNumber)
        perform(actions)
    }

    /// A batch was answered, or never will be.
    func finish(_ number: Int, isUsable: Bool) {
        guard let batch = batches.removeValue(forKey: number) else { return }
        let isAwaited = batch.requests.contains { !$0.isSettled }
        check(isAwaited || books.abandoned.contains(number), "an abandoned batch continues")
        var delay = 0
        for request in batch.requests where request.state == .underWay(number) {
            if strikes(.secondAnswer) { settle(request, .answered) }
            delay += scenario.perAnswer
            settle(request, isUsable ? .answered : .failed, delay: delay)
        }
        connections[batch.connection]?.loopIsBusyUntil = now + delay
        books.lanes[batch.lane].batches -= 1
        if isUsable { connections[batch.connection]?.phase = .idle } else { connections[batch.connection] = nil }
        if strikes(.forgottenEnd) { return }
        if isUsable { measure() }
        current = batch.connection
        perform(machine.finished(batch.connection, isUsable: isUsable, now: time))
        current = nil
    }

    private func measure() {
        let late = scenario.jitter == 0 ? 0 : random.number(0...scenario.jitter)
        machine.measured(.nanoseconds(Int64(scenario.roundTrip + late)), now: time)
    }

    func timerFires(_ number: Int) {
        // A timer that was replaced may fire all the same.
        guard number == timerNumber || random.chance(0.1) else { return }
        if machine.timerTime <= time { books.timer = .distantFuture }
        perform(machine.timerFired(now: time))
    }
}
