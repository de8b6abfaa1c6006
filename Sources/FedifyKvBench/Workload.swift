import FedifyKv
import Synchronization

/// The work of a benchmark's callers.
public enum Workload: String, CaseIterable, Codable, Sendable {
    /// Gets documents that are there.
    case get
    /// Gets documents that aren't.
    case getMissing = "get-missing"
    /// Overwrites documents.
    case set
    /// Overwrites documents that live for a day.
    case setTTL = "set-ttl"
    /// Each caller gets an entry of its own and swaps it; only the swap counts.
    case cas
    /// Lists 1,000 entries; an entry counts as an operation, the latency is that of the whole listing.
    case list
    /// 80 % get, 15 % set-ttl, 5 % get-missing.
    case mixed
}

/// A workload gone wrong: the store did not do what the workload relies on.
public struct WorkloadFailure: Error, CustomStringConvertible {
    /// The reason.
    public let description: String
}

/// A number that is unique for every write of this process: writing the present value costs a server
/// nothing. It begins anywhere, so that it is not what an earlier process wrote.
enum WriteVersion {
    private static let last = Atomic<UInt32>(.random(in: 0...UInt32.max))

    static func next() -> UInt32 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// One caller of a workload, which waits for each answer before its next request.
struct Caller<Store: KvStore> {
    let store: Store
    let rows: Rows
    let worker: Int
    var random: Xorshift32

    /// The warm-up draws other keys than the measurement, which would find its own in every cache otherwise.
    init(_ store: Store, _ rows: Rows, worker: Int, isWarmUp: Bool) {
        self.store = store
        self.rows = rows
        self.worker = worker
        random = Xorshift32(worker: isWarmUp ? worker + 1 << 20 : worker)
    }

    /// Does one operation. What belongs to the caller, making keys and values, is outside the time.
    ///
    /// - Returns: How many operations it counts as, and how long the store took.
    mutating func step(_ workload: Workload) async throws -> (operations: Int, time: Duration) {
        switch workload {
        case .get: return try await get(Documents.document(random.next() % rows.documents), isThere: true)
        case .getMissing: return try await get(Documents.missing(random.next()), isThere: false)
        case .set:
            let i = random.next() % rows.documents
            return try await set(Documents.document(i), i, ttl: nil)
        case .setTTL:
            let i = random.next() % rows.expiring
            return try await set(Documents.expiring(i), i, ttl: .seconds(86400))
        case .cas: return try await swap()
        case .list: return try await list()
        case .mixed:
            switch random.next() % 100 {
            case ..<80: return try await step(.get)
            case ..<95: return try await step(.setTTL)
            default: return try await step(.getMissing)
            }
        }
    }

    private func get(_ key: KvKey, isThere: Bool) async throws -> (Int, Duration) {
        let start = ContinuousClock.now
        let value = try await store.get(key)
        let time = start.duration(to: .now)
        guard (value != nil) == isThere else {
            throw WorkloadFailure(description: "a document is missing, or too many")
        }
        return (1, time)
    }

    private func set(_ key: KvKey, _ i: UInt32, ttl: Duration?) async throws -> (Int, Duration) {
        let value = Documents.value(i, version: WriteVersion.next(), size: rows.valueSize)
        let start = ContinuousClock.now
        try await store.set(key, value, ttl: ttl)
        return (1, start.duration(to: .now))
    }

    private func swap() async throws -> (Int, Duration) {
        let key = Documents.swapped(worker)
        let present = try await store.get(key)
        let value = Documents.value(UInt32(worker), version: WriteVersion.next(), size: rows.valueSize)
        let start = ContinuousClock.now
        let won = try await store.cas(key, expected: present, new: value, ttl: nil)
        let time = start.duration(to: .now)
        guard won else { throw WorkloadFailure(description: "a swap of a caller's own entry failed") }
        return (1, time)
    }

    private func list() async throws -> (Int, Duration) {
        let start = ContinuousClock.now
        var count = 0
        for try await _ in store.list(prefix: Documents.listedPrefix) { count += 1 }
        let time = start.duration(to: .now)
        guard count == Documents.listedCount else {
            throw WorkloadFailure(description: "a listing has \(count) entries instead of \(Documents.listedCount)")
        }
        return (count, time)
    }
}
