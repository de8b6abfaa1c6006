import FedifyMQ

extension MessageQueueContract {
    func checkOrder(_ check: QueueCheck) async throws {
        let numbers = Array(0..<20)
        for number in numbers { try await check.sender.send(number) }
        try await check.listening {
            try await check.witness()
            await check.recorder.expect(
                "messages that are ready are handled in the order in which they were enqueued", check.journal.numbers,
                numbers)
        }
    }

    func checkDelays(_ check: QueueCheck) async throws {
        let (recorder, journal, sender) = (check.recorder, check.journal, check.sender)
        let promise = "a message with a delay is not delivered before it has passed"
        try await check.listening {
            try await check.before(promise) { time, attempt, end in
                try await sender.send(attempt, delay: time)
                try await check.pass(time * 0.75)
                try await check.witness("a message with a delay does not keep others waiting")
                let early = journal.count(attempt)
                let isInTime = ContinuousClock.now < end
                let comes = try await check.passing(time) { journal.count(attempt) > 0 }
                await recorder.expect("a message is delivered when its delay has passed", comes, true)
                return isInTime ? { await recorder.expect(promise, early, 0) } : nil
            }
            await recorder.succeeds("a delay of a nanosecond is taken") {
                try await sender.send(100, delay: .nanoseconds(1))
            }
            await recorder.expect(
                "a message is delivered when its delay has passed",
                try await check.passing(.milliseconds(10)) { journal.count(100) > 0 }, true)
        }

        let later = QueueCheck(self, "delays that decide the order", recorder)
        try await later.before("delays decide the order") { time, attempt, end in
            let numbers = [3, 2, 1].map { attempt * 10 + $0 }
            try await later.sender.send(numbers[0], delay: time * 2)
            try await later.sender.send(numbers[1], delay: time)
            try await later.sender.send(numbers[2])
            let isInTime = ContinuousClock.now < end
            try await later.listening {
                _ = try await later.passing(time * 2) { Set(numbers).isSubset(of: later.journal.ended) }
            }
            guard isInTime else { return nil }
            return {
                await recorder.expect(
                    "delays decide the order", later.journal.numbers.filter(numbers.contains),
                    Array(numbers.reversed()))
            }
        }
    }
}
