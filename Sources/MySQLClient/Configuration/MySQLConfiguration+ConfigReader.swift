#if Configuration
    public import Configuration

    extension MySQLConfiguration {
        /// A configuration from a `ConfigReader`; the article Configuration of `FedifyMySQL` lists the keys.
        ///
        /// ```swift
        /// let reader = ConfigReader(provider: EnvironmentVariablesProvider())
        /// // MYSQL_URL, or MYSQL_HOSTS, MYSQL_USER, MYSQL_PASSWORD, MYSQL_DATABASE, …
        /// let pool = try MySQLPool(MySQLConfiguration(config: reader.scoped(to: "mysql")))
        /// ```
        ///
        /// Where there is a `url`, the other keys override it. The URL and the password are read as secrets.
        ///
        /// - Parameter config: The reader, scoped to the keys.
        /// - Throws: ``MySQLError`` `invalidConfiguration`, which names the key and shows no value.
        public init(config: ConfigReader) throws(MySQLError) {
            let settings = Settings(config)
            let hosts = try settings.strings("hosts")
            let socket = try settings.string("socket")
            let user = try settings.string("user")
            let database = try settings.string("database")
            if let url = try settings.string("url", isSecret: true) {
                try self.init(url: url)
            } else {
                guard let user, let database, hosts != nil || socket != nil else {
                    throw MySQLError(
                        .invalidConfiguration, "either url, or hosts (or socket), user and database are required")
                }
                self.init(addresses: [], user: user, database: database)
            }
            if let socket {
                guard hosts == nil else {
                    throw MySQLError(.invalidConfiguration, "hosts and socket exclude each other")
                }
                addresses = [.unixSocket(path: socket)]
            }
            if let hosts {
                addresses = try hosts.map { host throws(MySQLError) in
                    try Self.tcpAddress(host.unicodeScalars[...]) {
                        MySQLError(.invalidConfiguration, "hosts is wrong: \($0)")
                    }
                }
            }
            self.user = user ?? self.user
            self.database = database ?? self.database
            if let password = try settings.string("password", isSecret: true) { self.password = Password(password) }
            if let mode = try settings.string("tls.mode") {
                guard let mode = TLS.Mode(rawValue: mode) else {
                    let modes = TLS.Mode.allCases.map(\.rawValue).joined(separator: ", ")
                    throw MySQLError(.invalidConfiguration, "tls.mode must be one of \(modes)")
                }
                tls.mode = mode
            }
            tls.certificateAuthorityFile =
                try settings.string("tls.certificateAuthorityFile") ?? tls.certificateAuthorityFile
            tls.certificateFile = try settings.string("tls.certificateFile") ?? tls.certificateFile
            tls.privateKeyFile = try settings.string("tls.privateKeyFile") ?? tls.privateKeyFile
            serverPublicKeyFile = try settings.string("serverPublicKeyFile") ?? serverPublicKeyFile
            try settings.set(&allowPublicKeyRetrieval, "allowPublicKeyRetrieval")
            try settings.set(&allowCleartextPassword, "allowCleartextPassword")
            try settings.set(&connectTimeout, "connectTimeout")
            try settings.set(&operationTimeout, "operationTimeout")
            try settings.set(&maximumPacketSize, "maximumPacketSize")
            try settings.set(&maximumPreparedStatements, "maximumPreparedStatements")
            try settings.set(&lockWaitTimeout, "lockWaitTimeout")
            sessionSetup = try settings.strings("sessionSetup") ?? sessionSetup
            try settings.set(&pool.maximumConnections, "pool.maximumConnections")
            pool.acquisitionTimeout = try settings.duration("pool.acquisitionTimeout") ?? pool.acquisitionTimeout
            try settings.set(&pool.maximumQueuedOperations, "pool.maximumQueuedOperations")
            try settings.set(&pool.idleTimeout, "pool.idleTimeout")
            try settings.set(&pool.maximumLifetime, "pool.maximumLifetime")
            try validate()
        }
    }

    /// Settings of a reader. The reader ignores a value that it can't convert; here that is an error.
    package struct Settings {
        private let reader: ConfigReader

        package init(_ reader: ConfigReader) {
            self.reader = reader
        }

        package func string(_ key: ConfigKey, isSecret: Bool = false) throws(MySQLError) -> String? {
            try check(reader.string(forKey: key, isSecret: isSecret), key, "text", isSecret: isSecret)
        }

        package func strings(_ key: ConfigKey) throws(MySQLError) -> [String]? {
            try check(reader.stringArray(forKey: key) ?? reader.string(forKey: key).map { [$0] }, key, "texts")
        }

        /// A time in seconds.
        package func duration(_ key: ConfigKey) throws(MySQLError) -> Duration? {
            let seconds = try check(
                reader.double(forKey: key) ?? reader.int(forKey: key).map { Double($0) }, key, "a number of seconds")
            guard let seconds else { return nil }
            guard let duration = MySQLConfiguration.seconds(seconds) else {
                throw MySQLError(.invalidConfiguration, "\(key) must be \(MySQLConfiguration.secondsExpected)")
            }
            return duration
        }

        package func set(_ setting: inout Duration, _ key: ConfigKey) throws(MySQLError) {
            setting = try duration(key) ?? setting
        }

        package func set(_ setting: inout Int, _ key: ConfigKey) throws(MySQLError) {
            setting = try integer(key) ?? setting
        }

        package func integer(_ key: ConfigKey) throws(MySQLError) -> Int? {
            try check(reader.int(forKey: key), key, "a whole number")
        }

        package func set(_ setting: inout Bool, _ key: ConfigKey) throws(MySQLError) {
            setting = try check(reader.bool(forKey: key), key, "true or false") ?? setting
        }

        /// Throws if there is a value, but of another type.
        private func check<T>(
            _ value: T?, _ key: ConfigKey, _ expected: String, isSecret: Bool = false
        ) throws(MySQLError) -> T? {
            let isThere =
                value == nil
                && (reader.string(forKey: key, isSecret: isSecret) != nil
                    || reader.int(forKey: key, isSecret: isSecret) != nil
                    || reader.double(forKey: key, isSecret: isSecret) != nil
                    || reader.bool(forKey: key, isSecret: isSecret) != nil
                    || reader.stringArray(forKey: key, isSecret: isSecret) != nil)
            if isThere { throw MySQLError(.invalidConfiguration, "\(key) must be \(expected)") }
            return value
        }
    }
#endif
