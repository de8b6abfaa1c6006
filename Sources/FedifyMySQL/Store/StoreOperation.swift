/// What callers ask of the store, by the names that spans and metrics have for it.
enum StoreOperation: String, CaseIterable {
    case get, set, delete, cas, getWithTTL, setKeepingExpiry, list, count, deletePrefix, deleteExpired
    case createTable, tableExists, dropTable
}
