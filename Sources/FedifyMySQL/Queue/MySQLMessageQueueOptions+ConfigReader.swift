#if Configuration
    public import Configuration
    public import FedifyMQ
    import MySQLClient

    extension MySQLMessageQueueOptions {
        /// Options from a `ConfigReader`; <doc:OperatingAQueue> lists the keys. Missing keys have their defaults.
        ///
        /// ```swift
        /// // FEDIFY_MQ_TABLE_NAME, FEDIFY_MQ_LEASE, FEDIFY_MQ_MAXIMUM_ATTEMPTS, …
        /// let options = try MySQLMessageQueueOptions(config: reader.scoped(to: "fedify.mq"))
        /// ```
        ///
        /// - Parameter config: The reader, scoped to the keys.
        /// - Throws: `MQError` `invalidConfiguration`, which names the key and shows no value.
        public init(config: ConfigReader) throws(MQError) {
            self.init()
            do throws(MySQLError) {
                let settings = Settings(config)
                tableName = try settings.string("tableName") ?? tableName
                clock = try settings.clock("clock") ?? clock
                if let failed = try settings.string("whenFailed") {
                    guard let choice = DeliveryOptions.FailedKey(rawValue: failed) else {
                        throw MySQLError(.invalidConfiguration, "whenFailed must be block or overtake")
                    }
                    delivery.whenFailed = choice
                }
                try settings.set(&delivery.lease, "lease")
                try settings.set(&delivery.maximumAttempts, "maximumAttempts")
                try settings.set(&delivery.minimumBackoff, "minimumBackoff")
                try settings.set(&delivery.maximumBackoff, "maximumBackoff")
                try settings.set(&delivery.gracePeriod, "gracePeriod")
                var timeout = Duration.zero
                try settings.set(&timeout, "handlerTimeout")
                if timeout != .zero { delivery.handlerTimeout = timeout }
                try settings.set(&pollInterval, "pollInterval")
                try settings.set(&maximumRows, "maximumRows")
            } catch {
                throw MQError(wrapping: error)
            }
            try validate()
        }
    }

    extension Settings {
        /// The clock that a table's times refer to.
        func clock(_ key: ConfigKey) throws(MySQLError) -> MySQLKvStoreOptions.ExpiryClock? {
            switch try string(key) {
            case nil: nil
            case "utc": .utc
            case "sessionTimeZone": .sessionTimeZone
            default: throw MySQLError(.invalidConfiguration, "\(key) must be utc or sessionTimeZone")
            }
        }
    }
#endif
