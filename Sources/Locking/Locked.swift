#if canImport(Darwin)
    public import Darwin
#elseif canImport(Musl)
    public import Musl
#else
    public import Glibc
#endif

/// A value behind a lock. It is no `Synchronization.Mutex`: ThreadSanitizer does not see that one on Linux, and would
/// report each use of the value as a race.
public final class Locked<Value>: @unchecked Sendable {  // Safe: the value is touched by the mutex's holder alone.
    @usableFromInline var value: Value
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>

    /// A value that nobody else has.
    @inlinable public init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        precondition(pthread_mutex_init(mutex, nil) == 0)
    }

    @inlinable deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs a closure that has the value for itself meanwhile.
    @inlinable public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// What a dictionary has under a key; made at the first time, by one caller alone.
    @inlinable public func value<Key: Hashable, Made>(
        for key: Key, orMake make: () -> Made
    ) -> Made where Value == [Key: Made] {
        withLock { known in
            if let value = known[key] { return value }
            let value = make()
            known[key] = value
            return value
        }
    }
}
