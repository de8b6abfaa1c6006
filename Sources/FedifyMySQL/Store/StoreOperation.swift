/// What callers ask of the store, by the names that spans and metrics have for it.
enum StoreOperation: String, CaseIterable {
    case get, set, delete, cas, getWithExpiry, setKeepingExpiry, list, count, deletePrefix, deleteExpired
    case initialize, exists, drop
}
