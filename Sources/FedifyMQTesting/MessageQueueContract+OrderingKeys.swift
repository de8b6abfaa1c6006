import FedifyMQ

extension MessageQueueContract {
    private static let keys = ["", "https://example.com/users/alice", "日本語 \u{E9}"]

    func checkOrderingKeys(_ check: QueueCheck) async throws {
        try await checkKeys(check) { handler in [check.listen(concurrency: concurrency, handler: handler)] }
    }

    func checkKeysOfTwoListeners(_ check: QueueCheck) async throws {
        try await checkKeys(check) { handler in
            [
                check.listen(number: 1, concurrency: concurrency, handler: handler),
                check.listen(on: other, number: 2, concurrency: concurrency, handler: handler),
            ]
        }
    }

    private func checkKeys(
        _ check: QueueCheck, listen: (@escaping @Sendable (Journal.Delivery) async throws -> Void) -> [Listening]
    ) async throws {
        let (recorder, journal) = (check.recorder, check.journal)
        // One by one and several at once, of all keys by turns.
        for round in 0..<6 {
            for (index, key) in Self.keys.enumerated() {
                let first = index * 100 + round * 2
                try await check.sender.send([first, first + 1], key: key)
            }
        }
        let listening = listen { _ in
            // Another handler of the key, if there can be one, begins before this one ends.
            for _ in 0..<20 { await Task.yield() }
        }
        await recorder.expect(
            "every message with a key is handled",
            try await check.soon { Set(journal.ended).count == Self.keys.count * 12 }, true)
        for listening in listening { await check.stop(listening) }
        await recorder.expect(
            "messages of one key are handled one at a time", journal.overlappingKeys.sorted(), [])
        for (index, key) in Self.keys.enumerated() {
            let deliveries = journal.deliveries.filter { $0.number / 100 == index }
            await recorder.expect(
                "messages of one key are handled in order", deliveries.map { $0.number % 100 }, Array(0..<12))
            await recorder.expect(
                "a handler is given the ordering key", deliveries.allSatisfy { $0.received.orderingKey == key }, true)
        }
    }

    func checkKeysAtWork(_ check: QueueCheck) async throws {
        let (recorder, journal, sender) = (check.recorder, check.journal, check.sender)
        let waiting = Array(1...50)
        try await sender.send([0] + waiting, key: "a")
        try await sender.send(100, key: "b")
        try await sender.send(101)
        try await check.listening(concurrency: 3) { delivery in
            if [0, 100, 101].contains(delivery.number) { await journal.hold(delivery.number) }
        } while: {
            for (number, promise) in [
                (0, "a message with a key is handled"),
                (100, "messages of different keys are handled side by side"),
                (101, "messages without a key are handled beside those with one"),
            ] {
                await recorder.expect(promise, try await check.soon { journal.count(number) == 1 }, true)
            }
            try await check.settle()
            await recorder.expect(
                "messages of a key wait for the one in work", journal.numbers.filter(waiting.contains), [])
            journal.release(100)
            journal.release(101)
            try await sender.send(102, key: "b")
            try await sender.send(103)
            await recorder.expect(
                "a key in work does not keep others waiting",
                try await check.soon { journal.ended.count { $0 > 100 } == 3 }, true)
            journal.releaseAll()
            await recorder.expect(
                "a key goes on when its message was handled",
                try await check.soon { journal.ended.count == waiting.count + 5 }, true)
        }
    }

    func checkFailedKeys(_ check: QueueCheck) async throws {
        let (recorder, journal, sender) = (check.recorder, check.journal, check.sender)
        let isBlocked = options.whenFailed == .block
        let promise =
            isBlocked
            ? "a failed message blocks its key until it is tried again" : "messages pass a failed one of their key"
        try await check.before(promise) { time, attempt, end in
            let (first, second) = (attempt * 10, attempt * 10 + 1)
            var isInTime = false
            try await sender.send(first, second, key: "failed")
            try await check.listening(concurrency: 2) { delivery in
                guard delivery.number == first, journal.count(first) == 1 else { return }
                delivery.received.retry(after: time)
                throw ContractRecorder.Thrown()
            } while: {
                _ = try await check.soon { journal.ended.contains(isBlocked ? first : second) }
                try await check.settle()
                try await check.witness("a failed key does not keep others waiting")
                isInTime = .now < end
                _ = try await check.passing(time) { journal.count(first) == 2 }
                _ = try await check.soon { journal.count(second) > 0 }
            }
            guard isInTime else { return nil }
            let order = journal.numbers.filter { $0 / 10 == attempt }
            return {
                await recorder.expect(promise, order, isBlocked ? [first, first, second] : [first, second, first])
            }
        }

        let check = QueueCheck(self, "keys of dead messages", recorder)
        try await check.sender.send(1, 2, key: "failed")
        try await check.listening(concurrency: 2) { delivery in
            if delivery.number == 1 { delivery.received.reject("of a check") }
        } while: {
            await recorder.expect(
                "a dead message does not keep its key waiting",
                try await check.soon { check.journal.numbers == [1, 2] }, true)
        }
    }
}
