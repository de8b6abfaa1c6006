import NIOCore

@_spi(Scheduling) @testable import MySQLClient

/// The network and the server, and what goes wrong with them.
extension Simulator {
    // MARK: - A batch's way

    private func way() -> Int {
        scenario.roundTrip / 2 + (scenario.jitter == 0 ? 0 : random.number(0...scenario.jitter / 2))
    }

    func send(_ number: Int) {
        guard let batch = batches[number] else { return }
        if scenario.isSilent(at: now) { connections[batch.connection]?.isSilent = true }
        guard connections[batch.connection]?.isSilent == false else { return }
        events.add(.question(number), at: now + way())
    }

    func question(_ number: Int) {
        guard let batch = batches[number] else { return }
        let lane = scenario.lanes[batch.lane]
        let lease = lane.lease > 0 ? random.number(0...lane.lease) : 0
        events.add(
            .executed(number), at: server.work(lane.fixed + lane.perRow * batch.requests.count, now: now) + lease)
    }

    func executed(_ number: Int) {
        guard let batch = batches[number] else { return }
        let commit = scenario.lanes[batch.lane].commit
        guard commit > 0, batch.furtherQuestions == 0 else { return reply(number) }
        if server.commit(number) { events.add(.committed(commit), at: now + commit) }
    }

    func committed(_ time: Int) {
        let (done, goesOn) = server.committed()
        if goesOn { events.add(.committed(time), at: now + time) }
        for number in done { reply(number) }
    }

    private func reply(_ number: Int) {
        if batches[number] != nil { events.add(.arrival(number), at: now + way()) }
    }

    /// The answer has reached the client, which reads it when a processor is free.
    func arrival(_ number: Int) {
        guard let batch = batches[number] else { return }
        let handingOut = batch.requests.count * scenario.perAnswer
        let work = scenario.perBatch + handingOut
        let end: Int =
            switch scenario.clientCores {
            case .unlimited: now + work
            case .own: client.work(work, now: now)
            case .server: server.work(work, now: now)
            }
        events.add(.answer(number), at: end - handingOut)
    }

    func answer(_ number: Int) {
        guard let batch = batches[number], connections[batch.connection]?.isSilent == false else { return }
        guard batch.furtherQuestions > 0 else { return finish(number, isUsable: true) }
        batches[number]?.furtherQuestions -= 1
        send(number)
    }

    /// The client aborts an abandoned batch.
    func breakOff(_ number: Int) {
        finish(number, isUsable: false)
    }

    // MARK: - Faults

    private func lose(_ id: Int) {
        switch connections[id]?.phase {
        case .busy(let number): finish(number, isUsable: false)
        case .idle, .reserved:
            connections[id] = nil
            if !strikes(.forgottenLoss, chance: 1) { perform(machine.lost(id, now: time)) }
        case .opening, nil: break
        }
    }

    private func anyConnection() -> Int? {
        let ids = connections.filter { $0.value.phase != .opening }.keys.sorted()
        return ids.isEmpty ? nil : ids[random.number(0...ids.count - 1)]
    }

    func loseOne() {
        if let id = anyConnection() { lose(id) }
    }

    func leaveServer() {
        guard let id = anyConnection(), let connection = connections[id] else { return }
        if fault == .forgottenLeaving {
            books.generation += 1
            return
        }
        let (isNews, actions) = machine.leaveServer(of: id, now: time)
        check(isNews == (connection.generation == books.generation), "the report of a left server is wrong")
        if isNews { books.generation += 1 }
        perform(actions)
        check(
            !connections.values.contains { $0.phase == .idle && $0.generation != books.generation },
            "an idle connection to a server that was left")
    }

    func resetSilent() {
        for id in connections.keys.sorted() where connections[id]?.isSilent == true { lose(id) }
    }

    func open(_ id: Int) {
        check(connections[id] == nil, "a connection's number is used twice")
        checkOpening()
        connections[id] = SimulatedConnection(phase: .opening, generation: books.generation)
        let isHopeless = scenario.isSilent(at: now)
        let duration = isHopeless ? scenario.connectTimeout : random.number(scenario.opening)
        events.add(.attemptEnds(id, isHopeless: isHopeless), at: now + duration)
    }
}
