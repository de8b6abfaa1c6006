import FedifyKv
import FedifyMySQL
import Testing

/// Collects operations in a store's queue, in the order they are added, and lets them go all at once.
struct Gathering {
    let kv: MySQLKvStore

    /// Adds an operation to the queue.
    func add<T: Sendable>(_ operation: @escaping @Sendable () async throws -> T) async throws -> Task<T, any Error> {
        let before = kv.pool.status.waiting
        let task = Task { try await operation() }
        try await eventually { kv.pool.status.waiting == before + 1 }
        return task
    }

    func set(_ key: KvKey, _ value: JSONValue) async throws -> Task<Void, any Error> {
        try await add { [kv] in try await kv.set(key, value) }
    }
}

extension MySQLKvStore {
    /// Keeps the only connection of a store busy while operations gather.
    func gather<T>(_ body: (Gathering) async throws -> T) async throws -> T {
        try await pool.whileBusy { try await body(Gathering(kv: self)) }
    }
}

/// The code of an operation's error; nil if it succeeds.
func errorCode<T>(_ task: Task<T, any Error>) async -> KvError.Code? {
    do { _ = try await task.value } catch { return (error as? KvError)?.code }
    return nil
}

func json(_ text: String) -> JSONValue { JSONValue(uncheckedJSON: text) }
