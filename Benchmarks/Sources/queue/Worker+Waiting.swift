import FedifyKv
import FedifyMQ
import FedifyMySQL
import Foundation
@_spi(Benchmarks) import MySQLClient
import Support

extension Worker {
    /// Long enough that the next message finds nobody at work.
    private static let rest = Duration.milliseconds(3)

    func latency(_ queue: MySQLMessageQueue) async throws -> Report {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Double.self)
        return try await listening(queue, { _ in arrived.yield(Self.now()) }) {
            var report = Report()
            var times = arrivals.makeAsyncIterator()
            for number in 0..<count {
                let began = Self.now()
                try await queue.enqueue([JSONValue(uncheckedJSON: "\(number)")], delay: .zero, orderingKey: nil)
                report.samples.append((await times.next() ?? .infinity) - began)
                try await Task.sleep(for: Self.rest)
            }
            return report
        }
    }

    func sets(_ pool: MySQLPool) async throws -> Report {
        var options = MySQLKvStoreOptions()
        options.tableName = table + "_kv"
        let kv = try MySQLKvStore(pool, options: options)
        // The first use creates the table.
        try await kv.set(["n"], 0)
        var report = Report()
        for number in 0..<count {
            let began = Self.now()
            try await kv.set(["n"], JSONValue(uncheckedJSON: "\(number)"))
            report.samples.append(Self.now() - began)
            try await Task.sleep(for: Self.rest)
        }
        try await kv.dropTable()
        return report
    }

    /// Queues that share nothing but the table, as those of two processes.
    func remote(_ sender: MySQLMessageQueue, pause: Duration) async throws -> Report {
        let pool = try Backlog.pool(url)
        let receiver = try queue(pool)
        let (arrivals, arrived) = AsyncStream.makeStream(of: (number: Int, time: Double).self)
        let report = try await listening(
            receiver, { arrived.yield((Int($0.message.json) ?? -1, Self.now())) }
        ) {
            var report = Report()
            var sent: [(began: Double, ended: Double)] = []
            try await Task.sleep(for: .seconds(1))
            for number in 0..<count {
                try await Task.sleep(for: pause)
                let began = Self.now()
                try await sender.enqueue([JSONValue(uncheckedJSON: "\(number)")], delay: .zero, orderingKey: nil)
                sent.append((began, Self.now()))
            }
            for await (number, time) in arrivals {
                guard sent.indices.contains(number) else { throw Failure(description: "an unknown message came") }
                report.samples.append(time - (job == .late ? sent[number].ended : sent[number].began))
                if report.samples.count == count { break }
            }
            return report
        }
        await receiver.close()
        await pool.close()
        return report
    }

    func idle(_ queue: MySQLMessageQueue) async throws -> Report {
        try await listening(queue, { _ in }) {
            try await Task.sleep(for: .seconds(3))
            var report = Report()
            let (before, cpu) = (try await Self.questions(queue.pool), Self.seconds(CLOCK_PROCESS_CPUTIME_ID))
            report.began = Self.now()
            try await Task.sleep(for: .seconds(seconds))
            report.ended = Self.now()
            report.cpu = (Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (report.ended - report.began)
            // Less the one that asks.
            let statements = try await Self.questions(queue.pool) - before - 1
            report.statementsPerSecond = Double(statements) / (report.ended - report.began)
            return report
        }
    }

    /// Statements that clients have sent to the server.
    private static func questions(_ pool: MySQLPool) async throws -> Int {
        try await pool.statement("SHOW GLOBAL STATUS LIKE 'Questions'").first?.last?.flatMap { Int($0) } ?? 0
    }
}
