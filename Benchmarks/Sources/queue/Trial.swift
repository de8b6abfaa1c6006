import Foundation
import Support

/// All parts on one server. In each round all contestants take turns, so that a slow minute of the machine hits all.
final class Trial {
    enum Part: String, CaseIterable {
        case consume, enqueue, steady, ordered, waiting, backlog
    }

    static let table = "fedify_mq_bench"

    let url: String
    let settings: Settings
    let limit: CQueue
    let backlog: Backlog
    var outcome: Outcome

    init(url: String, _ settings: Settings) throws {
        self.url = url
        self.settings = settings
        limit = try CQueue(url: url, table: Self.table)
        backlog = Backlog(pool: try Backlog.pool(url), table: Self.table)
        outcome = Outcome(server: try limit.serverVersion())
    }

    func run() async throws -> Outcome {
        say(outcome.server)
        for part in settings.parts {
            switch part {
            case .consume: try await consume()
            case .enqueue: try await enqueue()
            case .steady: try await steady()
            case .ordered: try await ordered()
            case .waiting: try await waiting()
            case .backlog: try await backlogs()
            }
        }
        try await backlog.drop()
        await backlog.pool.close()
        return outcome
    }

    /// Ours, in a process of its own.
    func report(_ worker: Worker) async throws -> Worker.Report { try await reports([worker])[0] }

    /// Ours, in processes that begin at the same time.
    func reports(_ workers: [Worker]) async throws -> [Worker.Report] {
        let before = try await backlog.deadlocks()
        let start = Worker.now() + 0.5
        let processes = try workers.map { worker in
            var worker = worker
            worker.start = start
            return try worker.process()
        }
        let reports = try processes.map(Worker.report)
        outcome.deadlocks += try await backlog.deadlocks() - before
        outcome.failures += reports.reduce(0) { $0 + $1.failures }
        return reports
    }

    func worker(_ job: Worker.Job, count: Int = 0, table: String = table) -> Worker {
        Worker(url: url, table: table, job: job, count: count, seconds: settings.seconds)
    }

    /// Each contestant once in each round, not always after the same one.
    func rounds(_ contestants: [() async throws -> Void]) async throws {
        for round in 0..<settings.rounds {
            for index in contestants.indices { try await contestants[(index + round) % contestants.count]() }
        }
    }

    // MARK: - Parts

    private func consume() async throws {
        let count = settings.backlog
        func renew() async throws { try await backlog.renew(count) }
        let short = settings.seconds / 2
        let one = try await limit.bestThreads(.take, of: [1, 4, 16], seconds: short, prepare: renew)
        let many = try await limit.bestThreads(.claim, of: [1, 4], seconds: short, prepare: renew)
        var rates: [Int: [Double]] = [:]
        var (ones, manys): ([Double], [Double]) = ([], [])
        try await rounds(
            [
                { [self] in
                    try await renew()
                    ones.append(try limit.run(.take, threads: one, seconds: settings.seconds).perSecond)
                },
                { [self] in
                    try await renew()
                    manys.append(try limit.run(.claim, threads: many, seconds: 4 * settings.seconds).perSecond)
                },
            ]
                + [1, 2, 4].map { processes in
                    { [self] in
                        try await renew()
                        rates[processes, default: []].append(try await consume(count, processes))
                    }
                })
        let title = "consume a backlog of \(count), concurrency 64"
        outcome.compare("\(title), one process", rates[1]!, "C, one each, \(one) threads", ones, atLeast: 8)
        outcome.compare("\(title), one process", rates[1]!, "C, batched, \(many) threads", manys, atLeast: 0.6)
        for processes in [2, 4] {
            outcome.compare("\(title), \(processes) processes", rates[processes]!, "one process", rates[1]!, atLeast: 1)
        }
    }

    /// - Returns: Messages a second, of all processes.
    private func consume(_ count: Int, _ processes: Int) async throws -> Double {
        let reports = try await self.reports(
            Array(repeating: worker(.consume, count: processes == 1 ? count : .max), count: processes))
        let handled = reports.reduce(0) { $0 + $1.messages }
        let left = try await backlog.count()
        guard handled >= count, left == 0 else {
            throw Failure(description: "of \(count) messages \(handled) were handled, and \(left) are left")
        }
        return Double(handled) / (reports.map(\.ended).max()! - reports.map(\.began).min()!)
    }

    private func enqueue() async throws {
        func renew() async throws { try await backlog.renew(0) }
        let threads = try await limit.bestThreads(
            .insert, of: [4, 16, 64], seconds: settings.seconds / 2, prepare: renew)
        var (ours, singles): ([Double], [Double]) = ([], [])
        try await rounds([
            { [self] in
                try await renew()
                singles.append(try limit.run(.insert, threads: threads, seconds: settings.seconds).perSecond)
            },
            { [self] in
                try await renew()
                ours.append(try await report(worker(.enqueue)).perSecond)
            },
        ])
        outcome.compare("enqueue, 64 callers", ours, "C, one each, \(threads) threads", singles, atLeast: 3)
    }

    private func steady() async throws {
        func renew() async throws { try await backlog.renew(0) }
        let threads = try await limit.bestThreads(
            .both, of: [1, 4, 16], seconds: settings.seconds / 2, prepare: renew)
        var (ours, ones): ([Double], [Double]) = ([], [])
        try await rounds([
            { [self] in
                try await renew()
                ones.append(try limit.run(.both, threads: threads, seconds: settings.seconds).perSecond)
            },
            { [self] in
                try await renew()
                ours.append(try await report(worker(.steady)).perSecond)
            },
        ])
        outcome.compare(
            "enqueue and consume at once, 64 callers", ours, "C, one each, 2 × \(threads) threads", ones, atLeast: 5)
    }

    private func ordered() async throws {
        let count = settings.orderedMessages
        func renew() async throws { try await backlog.renew(count, key: .thousand) }
        let threads = try await limit.bestThreads(
            .ordered, of: [1, 4, 16], seconds: settings.seconds / 2, prepare: renew)
        var (ours, ones, ofOneKey, reference): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
        try await rounds([
            { [self] in
                try await renew()
                ones.append(try limit.run(.ordered, threads: threads, seconds: settings.seconds).perSecond)
            },
            { [self] in
                try await renew()
                ours.append(try await consume(count, 1))
            },
            { [self] in
                try await backlog.renew(settings.messagesOfOneKey, key: .one)
                ofOneKey.append(try await consume(settings.messagesOfOneKey, 1))
            },
            { [self] in
                try await backlog.renew(settings.small)
                let commit = try limit.run(.insert, threads: 1, seconds: settings.seconds / 2).p50
                let read = try limit.run(.read, threads: 1, seconds: settings.seconds / 2).p50
                reference.append(1e6 / (2 * commit + read))
            },
        ])
        outcome.compare(
            "ordered, \(Settings.keys) keys, concurrency 64", ours, "C, one each, \(threads) threads", ones, atLeast: 3)
        outcome.compare(
            "ordered, one key", ofOneKey, "1 ÷ (two commits and a read of one caller in C)", reference, atLeast: 1)
    }
}
