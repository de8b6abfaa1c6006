/// The keys of what helpers store beside their callers' entries: below a component of their own, so that no listing
/// below a caller's prefix has them.
package enum HelperKeys {
    /// The common prefix.
    package static let root: KvKey = ["_fedify_kv"]

    /// The lease of the producer of ``KvStore/getOrSet(_:as:ttl:lease:timeout:isolation:_:)``.
    package static func lease(_ key: KvKey) -> KvKey {
        root + ["lease"] + key
    }

    /// The last fencing number of a lock.
    package static func fencing(_ key: KvKey) -> KvKey {
        root + ["fencing"] + key
    }
}
