#if Configuration
    public import Configuration
    public import FedifyKv
    import MySQLClient

    extension MySQLKvStoreOptions {
        /// Options from a `ConfigReader`; <doc:Configuration> lists the keys. Missing keys have their defaults.
        ///
        /// ```swift
        /// // FEDIFY_KV_TABLE_NAME, FEDIFY_KV_UPKEEP_INTERVAL, …
        /// let options = try MySQLKvStoreOptions(config: reader.scoped(to: "fedify.kv"))
        /// ```
        ///
        /// - Parameter config: The reader, scoped to the keys.
        /// - Throws: `KvError` `invalidConfiguration`, which names the key and shows no value.
        public init(config: ConfigReader) throws(KvError) {
            self.init()
            do throws(MySQLError) {
                let settings = Settings(config)
                tableName = try settings.string("tableName") ?? tableName
                expiryClock = try settings.clock("expiryClock") ?? expiryClock
                try settings.set(&upkeep.isAutomatic, "upkeep.isAutomatic")
                try settings.set(&upkeep.interval, "upkeep.interval")
                try settings.set(&upkeep.batchSize, "upkeep.batchSize")
                try settings.set(&coalescing.isEnabled, "coalescing.isEnabled")
                try settings.set(&coalescing.maximumRows, "coalescing.maximumRows")
                coalescing.maximumConnections =
                    try settings.integer("coalescing.maximumConnections") ?? coalescing.maximumConnections
            } catch {
                throw KvError(error, isRepeatable: true)
            }
            try validate()
        }
    }
#endif
