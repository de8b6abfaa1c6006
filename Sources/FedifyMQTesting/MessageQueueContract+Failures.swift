import FedifyMQ

extension MessageQueueContract {
    func checkFailures(_ check: QueueCheck) async throws {
        let (recorder, journal) = (check.recorder, check.journal)
        try await check.sender.send(1)
        try await check.listening { delivery in
            if delivery.number == 1, journal.count(1) == 1 { throw ContractRecorder.Thrown() }
        } while: {
            await recorder.expect(
                "a message whose handler threw is delivered again",
                try await check.passing(options.minimumBackoff) { journal.ended.count { $0 == 1 } >= 2 }, true)
            try await check.witness()
            await recorder.expect(
                "a message whose handler has returned is not delivered again", journal.count(1), 2)
        }
        let deliveries = journal.deliveries(of: 1)
        await recorder.expect(
            "a message has the same ID at each delivery", Set(deliveries.map(\.received.id)).count, 1)
        let attempts = deliveries.compactMap(\.received.attempt)
        if !attempts.isEmpty { await recorder.expect("attempts are counted from 1", attempts, [1, 2]) }
    }

    func checkDeadMessages(_ check: QueueCheck) async throws {
        let (recorder, journal, sender) = (check.recorder, check.journal, check.sender)
        let before = try await queue.depth().dead
        try await check.listening { [maximum = options.maximumAttempts] delivery in
            switch delivery.number {
            case 1:
                delivery.received.reject("of a check")
            case 2:
                delivery.received.reject("of a check")
                throw ContractRecorder.Thrown()
            case 3:
                // The pauses of many attempts would take too long; the last one ends as most do.
                if journal.count(3) >= maximum { throw ContractRecorder.Thrown() }
                delivery.received.retry(after: .zero)
            default: return
            }
        } while: {
            func becomesDead(_ number: Int, _ deaths: Int, _ promise: String) async throws {
                try await sender.send(number)
                await recorder.expect(
                    promise, try await check.soon { try await queue.depth().dead == before + deaths }, true)
                try await check.witness()
            }
            for number in [1, 2] {
                try await becomesDead(number, number, "a rejected message is dead")
                await recorder.expect("a rejected message is not delivered again", journal.count(number), 1)
            }
            // A table without a column for it has no limit.
            guard journal.deliveries.first?.received.attempt != nil else { return }
            try await becomesDead(3, 3, "a message is dead after the maximum of attempts")
            await recorder.expect(
                "a message is delivered as often as the maximum of attempts says", journal.count(3),
                options.maximumAttempts)
            await recorder.expect(
                "the attempts of a message are counted to the maximum",
                journal.deliveries(of: 3).map(\.received.attempt), (1...options.maximumAttempts).map { $0 })
        }
    }

    func checkRetries(_ check: QueueCheck) async throws {
        let (recorder, journal) = (check.recorder, check.journal)
        let promise = "a message is not delivered again before the time that its handler asked for"
        try await check.before(promise) { time, attempt, end in
            var (early, isInTime) = (0, false)
            try await check.sender.send(attempt)
            try await check.listening { delivery in
                if delivery.number == attempt, journal.count(attempt) == 1 { delivery.received.retry(after: time) }
            } while: {
                _ = try await check.soon { journal.ended.contains(attempt) }
                try await check.settle()
                try await check.pass(time * 0.75)
                try await check.witness()
                early = journal.count(attempt)
                isInTime = .now < end
                await recorder.expect(
                    "a message is delivered again at the time its handler asked for",
                    try await check.passing(time) { journal.count(attempt) == 2 }, true)
            }
            return isInTime ? { [early] in await recorder.expect(promise, early, 1) } : nil
        }
    }

    func checkTimeLimit(_ check: QueueCheck) async throws {
        guard let limit = options.handlerTimeout else { return }
        let (recorder, journal) = (check.recorder, check.journal)
        try await check.sender.send(1)
        try await check.listening(concurrency: 2) { delivery in
            if delivery.number == 1, journal.count(1) == 1 { await journal.hold(1) }
        } while: {
            _ = try await check.soon { journal.running == 1 }
            await recorder.expect(
                "a handler that takes too long is cancelled",
                try await check.passing(limit) { journal.isCancelled(1) }, true)
            try await check.settle()
            try await check.pass(options.minimumBackoff)
            try await check.witness()
            await recorder.expect(
                "a message is not delivered again before its handler has ended", journal.count(1), 1)
            journal.release(1)
            await recorder.expect(
                "a message whose handler took too long is delivered again",
                try await check.passing(options.minimumBackoff) { journal.count(1) > 1 }, true)
        }
    }
}
