import FedifyMQ
import FedifyMySQL
import Foundation
import Support

extension Worker {
    /// Until a number of messages are handled, or the table is empty.
    func consume(_ queue: MySQLMessageQueue) async throws -> Report {
        let tally = Tally()
        let backlog = Backlog(pool: queue.pool, table: table)
        let began = Self.now()
        try await listening(queue, tally.add) {
            while tally.count < count {
                try await Task.sleep(for: .milliseconds(20))
                let silence = Self.now() - max(began, tally.ended)
                guard silence > 0.5 else { continue }
                if try await backlog.isEmpty() { break }
                say("\(tally.count) messages, and none for \(String(format: "%.1f", silence)) s")
                guard silence < 30 else { throw Failure(description: "messages don't come") }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        return Report(messages: tally.count, began: began, ended: tally.ended, failures: tally.redelivered)
    }

    func bursts(_ queue: MySQLMessageQueue) async throws -> Report {
        var report = Report()
        let backlog = Backlog(pool: queue.pool, table: table)
        for _ in 0..<repeats {
            let tally = Tally()
            let began = Self.now()
            report.samples.append(
                try await listening(queue, tally.add) {
                    while tally.count < count {
                        guard Self.now() - began < 60 else { throw Failure(description: "messages don't come") }
                        try await Task.sleep(for: .milliseconds(1))
                    }
                    return Double(tally.count) / (Self.now() - began)
                })
            report.messages += tally.count
            // A listener that is cancelled gives back what no handler has had: those come for the first time again.
            report.failures += tally.redelivered
            if refills { try await backlog.fill(tally.count) }
        }
        return report
    }

    func enqueue(_ queue: MySQLMessageQueue) async throws -> Report {
        let began = Self.now()
        let sent = await send(queue, until: began + seconds)
        return Report(messages: sent.done, began: began, ended: Self.now(), failures: sent.failed)
    }

    func steady(_ queue: MySQLMessageQueue) async throws -> Report {
        let tally = Tally()
        let warmUp = min(1, seconds / 2)
        return try await listening(queue, tally.add) {
            let begin = Self.now() + warmUp
            async let sending = send(queue, until: begin + seconds)
            try await Task.sleep(for: .seconds(warmUp))
            let (before, began) = (tally.count, Self.now())
            try await Task.sleep(for: .seconds(seconds))
            let (after, ended) = (tally.count, Self.now())
            let sent = await sending
            return Report(
                messages: after - before, began: began, ended: ended, failures: sent.failed + tally.redelivered)
        }
    }

    /// Callers that wait for their answer before they enqueue the next message.
    private func send(_ queue: MySQLMessageQueue, until end: Double) async -> (done: Int, failed: Int) {
        await withTaskGroup { group in
            for caller in 0..<Settings.concurrency {
                group.addTask {
                    var (done, failed) = (0, 0)
                    while Self.now() < end {
                        do {
                            try await queue.enqueue([Self.message(caller, done)], delay: .zero, orderingKey: nil)
                            done += 1
                        } catch {
                            say("enqueue: \(error)")
                            failed += 1
                        }
                    }
                    return (done, failed)
                }
            }
            return await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        }
    }

    private static let text = String(repeating: "x", count: 200)

    /// 200 bytes.
    private static func message(_ caller: Int, _ number: Int) -> JSONValue {
        let begin = "{\"caller\":\(caller),\"n\":\(number),\"text\":\""
        return JSONValue(uncheckedJSON: begin + text.prefix(198 - begin.utf8.count) + "\"}")
    }
}
