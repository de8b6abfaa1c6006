import FedifyMQ

extension MessageQueueContract {
    func checkGracePeriod(_ check: QueueCheck) async throws {
        let (recorder, journal, sender) = (check.recorder, check.journal, check.sender)
        let handler = { @Sendable (delivery: Journal.Delivery) async in
            if delivery.number == 1 { await journal.hold(1) }
        }
        let first = check.listen(number: 1, handler: handler)
        try await sender.send(1)
        _ = try await check.soon { journal.running == 1 }
        try await sender.send(2)
        let cancelled = ContinuousClock.now
        first.cancel()
        try await check.settle()
        let isCancelled = journal.isCancelled(1)
        // On a slow machine it may be over by now.
        if .now - cancelled < options.gracePeriod {
            await recorder.expect(
                "a handler is not cancelled before the grace period is over", isCancelled, false)
        }
        await recorder.expect("listen waits for its handlers", first.end, nil)
        try await sender.send(3)
        try await check.settle()
        journal.release(1)
        await check.cancelled(first)
        await recorder.expect("no message is taken after listen was cancelled", journal.numbers, [1])

        let second = check.listen(number: 2, handler: handler)
        try await check.witness("messages that a cancelled listen has not handled are there for the next one")
        await recorder.expect(
            "messages that a cancelled listen has not handled are there for the next one",
            journal.numbers.filter { $0 != 1 }, [2, 3])
        await recorder.expect("a message that was handled in the grace period is done", journal.count(1), 1)
        await check.stop(second)
    }

    func checkCancelledHandlers(_ check: QueueCheck) async throws {
        let (recorder, journal) = (check.recorder, check.journal)
        let handler = { @Sendable (delivery: Journal.Delivery) async throws in
            guard delivery.number == 1, journal.count(1) == 1 else { return }
            await journal.hold(1)
            try Task.checkCancellation()
        }
        let first = check.listen(number: 1, handler: handler)
        try await check.sender.send(1)
        _ = try await check.soon { journal.running == 1 }
        first.cancel()
        await recorder.expect(
            "a handler is cancelled when the grace period is over",
            try await check.passing(options.gracePeriod) { journal.isCancelled(1) }, true)
        let second = check.listen(number: 2, handler: handler)
        try await check.witness("another listener goes on while one ends")
        try await check.settle()
        await recorder.expect(
            "a cancelled message is not delivered again before its handler has ended", journal.count(1), 1)
        await recorder.expect("listen waits for handlers that go on although they were cancelled", first.end, nil)
        journal.release(1)
        await check.cancelled(first)
        await recorder.expect(
            "a message whose handler was cancelled by the end of listen is delivered again at once",
            // Where the time limit came first, there is a pause.
            options.handlerTimeout == nil
                ? try await check.soon { journal.count(1) == 2 }
                : try await check.passing(options.minimumBackoff) { journal.count(1) == 2 }, true)
        await recorder.expect(
            "a message has the same ID at each delivery",
            Set(journal.deliveries(of: 1).map(\.received.id)).count, 1)
        await check.stop(second)
    }
}
