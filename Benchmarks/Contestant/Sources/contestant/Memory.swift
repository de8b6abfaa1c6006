import FedifyKv
import FedifyMySQL
import Foundation
import Workloads

/// What a process of its own takes of memory.
enum Memory: String {
    /// At the most, while many callers do a bit of everything.
    case callers = "memory-callers"
    /// At the most, while more callers come than can be served.
    case overload = "memory-overload"
    /// At the most, while all rows of `load-many` are listed.
    case listMany = "memory-list-many"
    /// Ten seconds after the values of `load-large` were got at once.
    case large = "memory-large"

    static let overloadingCallers = 20_000

    func bytes(_ options: Options) async throws -> Int {
        let kv = try options.store { configuration in
            if self == .overload { configuration.pool.acquisitionTimeout = .milliseconds(200) }
            if self == .large { configuration.operationTimeout = .seconds(120) }
        }
        switch self {
        case .callers:
            _ = try await BenchmarkResult.of(
                .mixed, on: kv, rows: options.workloadRows, callers: options.callers, warmUp: .zero,
                duration: .seconds(options.seconds), executors: options.executors)
        case .overload: try await Self.overload(kv, .seconds(options.seconds))
        case .listMany:
            var count = 0
            for try await _ in kv.list(prefix: Loading.manyPrefix) { count += 1 }
            guard count == options.rows else { throw Failure("\(count) rows were listed") }
        case .large:
            try await Self.getLarge(kv)
            try await Task.sleep(for: .seconds(10))
        }
        let bytes = try Self.status(self == .large ? "VmRSS:" : "VmHWM:")
        await kv.pool.close()
        return bytes
    }

    private static func getLarge(_ kv: MySQLKvStore) async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for i in 0..<Loading.largeCount {
                group.addTask { try await kv.get(Loading.large(i))?.json.utf8.count ?? 0 }
            }
            // MySQL adds spaces to JSON.
            for try await size in group where size < Loading.largeSize {
                throw Failure("a value of \(Loading.largeSize) bytes came with \(size)")
            }
        }
    }

    /// More callers than can be served within the time that they may wait; who is refused comes back.
    private static func overload(_ kv: MySQLKvStore, _ duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        let refused = try await withThrowingTaskGroup(of: Int.self) { group in
            for caller in 0..<UInt32(overloadingCallers) {
                group.addTask {
                    var (served, refused) = (UInt32(0), 0)
                    while .now < end {
                        do {
                            let value = Documents.value(caller, version: served)
                            try await kv.set(Documents.document(caller), value)
                            served += 1
                        } catch let error as KvError where error.code == .overloaded {
                            refused += 1
                            try await Task.sleep(for: .milliseconds(50))
                        }
                    }
                    return refused
                }
            }
            return try await group.reduce(0, +)
        }
        guard refused > 0 else { throw Failure("the server took all of the overload") }
        // It is over.
        _ = try await kv.get(Documents.document(0))
    }

    /// What the kernel says. (`getrusage` counts what the process was before it ran this program.)
    private static func status(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
        guard let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Failure("the memory can't be read here; it needs Linux")
        }
        return kibibytes << 10
    }
}
