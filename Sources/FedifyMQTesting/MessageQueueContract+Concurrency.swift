import FedifyMQ

extension MessageQueueContract {
    func checkConcurrency(_ check: QueueCheck) async throws {
        let (recorder, journal) = (check.recorder, check.journal)
        let numbers = Array(0..<(3 * concurrency))
        try await check.sender.send(numbers)
        try await check.listening(concurrency: concurrency) {
            await journal.hold($0.number)
        } while: {
            await recorder.expect(
                "as many handlers run side by side as the concurrency allows",
                try await check.soon { journal.running >= concurrency }, true)
            try await check.settle()
            await recorder.expect(
                "no more handlers run at a time than the concurrency allows", journal.mostRunning, concurrency)
            journal.releaseAll()
            await recorder.expect(
                "every message is handled", try await check.soon { Set(journal.ended).count == numbers.count }, true)
            try await check.witness()
            await recorder.expect("no message is handled twice", journal.numbers.sorted(), numbers)
            await recorder.expect(
                "no more handlers run at a time than the concurrency allows", journal.mostRunning, concurrency)
        }
    }

    func checkWaking(_ check: QueueCheck) async throws {
        try await check.listening {
            for _ in 0..<10 { try await check.witness("a message that comes while listen waits is handled at once") }
        }
    }

    func checkTwoListeners(_ check: QueueCheck) async throws {
        let (recorder, journal) = (check.recorder, check.journal)
        let numbers = Array(0..<64)
        let handler = { @Sendable (delivery: Journal.Delivery) async in await journal.hold(delivery.number) }
        let first = check.listen(number: 1, handler: handler)
        let second = check.listen(on: other, number: 2, handler: handler)
        try await check.sender.send(numbers)
        await recorder.expect(
            "two listeners work side by side",
            try await check.soon { Set(journal.deliveries.map(\.listener)) == [1, 2] }, true)
        journal.releaseAll()
        _ = try await check.soon { Set(journal.ended).count == numbers.count }
        try await check.witness()
        await recorder.expect("each message is handled by one of two listeners", journal.numbers.sorted(), numbers)
        await check.stop(first)
        try await other.enqueue([try check.sender.message(100)], delay: .zero, orderingKey: nil)
        await recorder.expect(
            "a listener goes on when another one has ended", try await check.soon { journal.count(100) == 1 }, true)
        await check.stop(second)
    }

    /// Messages that come in without end keep nothing else waiting.
    func checkFloods(_ check: QueueCheck) async throws {
        let limit = 500
        for (flood, victim): (String?, String?) in [(nil, "victim"), ("flood", nil), ("flood", "victim")] {
            let check = QueueCheck(self, "floods", check.recorder)
            let (journal, sender) = (check.journal, check.sender)
            let promise =
                switch (flood, victim) {
                case (nil, _): "messages without a key do not starve those of a key"
                case (_, nil): "messages of a key do not starve those without one"
                default: "messages of a key do not starve those of another one"
                }
            try await sender.send(1, key: flood)
            try await sender.send(0, key: victim)
            try await check.listening { delivery in
                if delivery.number > 0, delivery.number < limit, journal.count(0) == 0 {
                    try await sender.send(delivery.number + 1, key: flood)
                }
            } while: {
                _ = try await check.soon { journal.count(0) > 0 || journal.count(limit) > 0 }
                await check.recorder.expect(promise, journal.count(limit), 0)
                await check.recorder.expect(promise, try await check.soon { journal.count(0) > 0 }, true)
            }
        }
    }
}
