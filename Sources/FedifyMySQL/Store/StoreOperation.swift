/// The operations of the store, by their names in spans and metrics.
enum StoreOperation: String, CaseIterable {
    case get, set, delete, cas, getWithTTL, setKeepingExpiry, list, count, deletePrefix, deleteExpired
    case createTable, tableExists, dropTable
}
