import FedifyMQ
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension MessageQueueContract {
    private struct Letter: Codable, Equatable, Hashable {
        var subject: String
        var size: UInt64?
    }

    func checkMessages(_ check: QueueCheck) async throws {
        let sent = JSONSamples.valid.map { JSONValue(uncheckedJSON: $0) }
        let received = Mutex<[JSONValue]>([])
        try await queue.enqueue(sent, delay: .zero, orderingKey: nil)
        let listening = Listening(on: queue, concurrency: concurrency) { message in
            received.withLock { $0.append(message.message) }
        }
        _ = try await check.soon { received.withLock(\.count) >= sent.count }
        await check.stop(listening)
        var missing = sent
        var unexpected: [JSONValue] = []
        for message in received.withLock({ $0 }) {
            if let index = missing.firstIndex(of: message) {
                missing.remove(at: index)
            } else {
                unexpected.append(message)
            }
        }
        await check.recorder.expect("every message that was enqueued arrives equal", missing, [])
        await check.recorder.expect("no message arrives that was not enqueued", unexpected, [])
    }

    func checkTypedMessages(_ check: QueueCheck) async throws {
        let letters = [Letter(subject: "Zoë \"😀\"", size: .max), Letter(subject: "", size: nil)]
        let received = Mutex<[Letter]>([])
        try await queue.enqueue(letters[0])
        try await queue.enqueue("not a letter")
        try await queue.enqueue(Array(letters[1...]))
        let queue = queue
        let task = Task {
            try await queue.listen(for: Letter.self, concurrency: 1) { letter, _ in
                received.withLock { $0.append(letter) }
            }
        }
        _ = try await check.soon { received.withLock { Set($0).count } == letters.count }
        task.cancel()
        await check.recorder.succeeds("listen for typed messages returns when it is cancelled") {
            try await task.value
        }
        await check.recorder.expect("typed messages arrive as they were enqueued", received.withLock { $0 }, letters)

        let others = Mutex<[JSONValue]>([])
        let listening = Listening(on: queue, concurrency: 1) { message in
            others.withLock { $0.append(message.message) }
        }
        await check.recorder.expect(
            "a message that doesn't decode is delivered again",
            try await check.passing(options.minimumBackoff) { !others.withLock(\.isEmpty) }, true)
        await check.stop(listening)
        await check.recorder.expect(
            "a message that was handled by its type is not delivered again", others.withLock { $0 }, ["not a letter"])
    }

    func checkRefusals(_ check: QueueCheck) async throws {
        let (recorder, valid) = (check.recorder, try check.sender.message(1))
        func refuses(
            _ promise: String, _ code: MQError.Code, _ messages: [JSONValue], delay: Duration = .zero,
            key: String? = nil
        ) async {
            await recorder.refuses(promise, code) {
                try await queue.enqueue(messages, delay: delay, orderingKey: key)
            }
        }
        for text in JSONSamples.invalid {
            let invalid = JSONValue(uncheckedJSON: text)
            await refuses("a message that isn't JSON is refused", .invalidMessage, [invalid])
            await refuses("an invalid one of many is refused", .invalidMessage, [valid, invalid])
        }
        await recorder.refuses("NaN is refused", .invalidMessage) { try await queue.enqueue(Double.nan) }
        for delay: Duration in [.nanoseconds(-1), .seconds(-3600), .seconds(Int64.min)] {
            await refuses("a negative delay is refused", .invalidDelay, [valid], delay: delay)
        }
        let year = Duration.seconds(31_556_952)
        for delay in [year * 7990, year * 10_000, .seconds(Int64.max)] {
            await refuses("a delay past the year 9999 is refused", .invalidDelay, [valid], delay: delay)
        }
        let keys = [
            ("ends in a space", "key "), ("is a space", " "), ("has scalars above U+FFFF", "😀"),
            ("is too long", String(repeating: "k", count: 65_536)),
        ]
        for (what, key) in keys {
            await refuses("an ordering key that \(what) is refused", .invalidOrderingKey, [valid], key: key)
        }
        for concurrency in [0, -1, Int.min] {
            let listening = Listening(on: queue, concurrency: concurrency) { _ in }
            _ = try await check.soon { listening.end != nil }
            await recorder.expect(
                "a concurrency below 1 is refused with invalidConfiguration",
                listening.end?.hasPrefix("it threw invalidConfiguration"), true)
            listening.cancel()
        }
        try await check.listening {
            try await check.witness()
            await recorder.expect("nothing is enqueued of what was refused", check.journal.numbers, [])
        }
    }

    func checkMany(_ check: QueueCheck) async throws {
        await check.recorder.succeeds("enqueuing no messages does nothing") {
            try await queue.enqueue([], delay: .zero, orderingKey: nil)
        }
        let numbers = Array(0..<100)
        try await check.sender.send(numbers)
        try await check.listening {
            try await check.witness()
            await check.recorder.expect("messages of one enqueue keep their order", check.journal.numbers, numbers)
        }
        let deliveries = check.journal.deliveries
        await check.recorder.expect(
            "messages have different IDs", Set(deliveries.map(\.received.id)).count, deliveries.count)
        let times = deliveries.compactMap(\.received.enqueuedAt)
        await check.recorder.expect(
            "the time of enqueuing is right to ten minutes",
            times.allSatisfy { abs($0.timeIntervalSinceNow) < 600 }, true)
        await check.recorder.expect(
            "a message that was enqueued without a key has none",
            deliveries.allSatisfy { $0.received.orderingKey == nil }, true)
    }

    func checkDepth(_ check: QueueCheck) async throws {
        try await check.before("the depth is exact") { time, _, end in
            // Handlers of this attempt are to wait also if those of another one were released.
            let check = QueueCheck(self, "depth", check.recorder)
            try await check.sender.send(1, 2, 3)
            try await check.sender.send(4, 5, delay: time)
            let resting = try await queue.depth()
            let listening = check.listen { [journal = check.journal] in await journal.hold($0.number) }
            _ = try await check.soon { check.journal.running == 1 }
            let working = try await queue.depth()
            let isInTime = ContinuousClock.now < end
            check.journal.releaseAll()
            _ = try await check.passing(time) { check.journal.ended.count == 5 }
            await check.stop(listening)
            guard isInTime else { return nil }
            return {
                let recorder = check.recorder
                await recorder.expect("the depth counts all that are queued", resting.queued, 5)
                await recorder.expect("the depth counts those that are ready", resting.ready, 3)
                await recorder.expect("the depth counts those that are delayed", resting.delayed, 2)
                await recorder.expect("the depth counts nothing in work without a handler", resting.inWork, 0)
                await recorder.expect("the depth counts those in work", working.inWork, 1)
                await recorder.expect("a message in work is queued", working.queued, 5)
            }
        }
        _ = try await check.soon { try await queue.depth().queued == 0 }
        await check.recorder.expect("the depth doesn't count handled messages", try await queue.depth().queued, 0)
    }
}
