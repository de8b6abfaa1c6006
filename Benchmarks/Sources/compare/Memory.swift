import FedifyKv
import FedifyKvBench
import FedifyMySQL
import Foundation
import MySQLClient
import Support

/// The most memory that a process of its own ever had, in bytes.
enum Memory {
    static func child(_ kind: String, url: String, _ table: String, _ number: Int) throws -> Int {
        let child = try ChildProcess(["memory", kind, table, "\(number)"], environment: ["MYSQL_URL": url])
        let text = String(decoding: try child.output(), as: UTF8.self)
        guard let bytes = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure(description: "the process whose memory was to be measured failed")
        }
        return bytes
    }

    /// What such a process does: 256 callers or an overload for so many seconds, or a listing of so many rows.
    static func main(_ kind: String, _ table: String, _ number: Int) async throws {
        var options = MySQLKvStoreOptions()
        options.tableName = table
        let url = ProcessInfo.processInfo.environment["MYSQL_URL"] ?? ""
        var configuration = try MySQLConfiguration(url: url)
        if kind == "overload" { configuration.pool.acquisitionTimeout = .milliseconds(200) }
        let kv = try MySQLKvStore(MySQLPool(configuration), options: options)
        if kind == "overload" {
            try await overload(kv, .seconds(number))
        } else if kind == "callers" {
            _ = try await BenchmarkResult.of(
                .mixed, on: kv, rows: Rows(), callers: 256, warmUp: .zero, duration: .seconds(number))
        } else {
            var count = 0
            let prefix: KvKey = number == 1_000_000 ? ["million"] : ["_fedify", "remoteDocument"]
            for try await _ in kv.list(prefix: prefix) { count += 1 }
            guard count == number else { throw Failure(description: "\(count) rows were listed") }
        }
        print(try peak())
        await kv.pool.close()
    }

    static let overloadingCallers = 20_000

    /// More callers than can be served within the time that they may wait; who is refused comes back.
    private static func overload(_ kv: MySQLKvStore, _ duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        let (served, refused) = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for caller in 0..<UInt32(overloadingCallers) {
                group.addTask {
                    var (served, refused) = (0, 0)
                    while .now < end {
                        do {
                            let value = Documents.value(caller, version: UInt32(served))
                            try await kv.set(Documents.document(caller), value)
                            served += 1
                        } catch let error as KvError where error.code == .overloaded {
                            refused += 1
                            try await Task.sleep(for: .milliseconds(50))
                        }
                    }
                    return (served, refused)
                }
            }
            return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        }
        say("overload of \(overloadingCallers) callers: \(served) sets done, \(refused) refused")
        guard refused > 0 else { throw Failure(description: "the server took all of the overload") }
        // It is over.
        _ = try await kv.get(Documents.document(0))
    }

    /// What the kernel says. (`getrusage` counts what the process was before it ran this program.)
    private static func peak() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        guard let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Failure(description: "the peak of the memory can't be read here; it needs Linux")
        }
        return kibibytes << 10
    }
}
