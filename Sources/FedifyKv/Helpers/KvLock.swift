/// A lock that is held, as ``KvStore/withLock(_:ttl:timeout:_:)`` gives it to its body.
public struct KvLock: Sendable, Hashable {
    /// The lock's key.
    public let key: KvKey
    /// A number that is larger than that of every earlier holder of this lock. Let whatever the lock protects refuse a
    /// number smaller than one it has seen: then a holder that was stopped for a while, and continues without knowing
    /// that its lock has ended, does no harm.
    public let fencingNumber: Int
}
