import CMariaDB

/// A statement that the server has prepared, and the memory that its parameters and columns travel in.
final class PreparedStatement {
    /// More columns than any statement here asks for.
    private static let maximumColumns = 16
    /// A column's buffer is kept from row to row up to this size, in bytes.
    private static let keptBufferSize = 64 << 10

    var lastUse: UInt64 = 0
    private let statement: UnsafeMutablePointer<MYSQL_STMT>
    private let reads: ConnectionReads
    /// It changes nothing, whether or not it was carried out.
    private let isRead: Bool
    private var columns: [Column] = []
    private var columnBinds: UnsafeMutableBufferPointer<MYSQL_BIND>
    private var parameterBinds: UnsafeMutableBufferPointer<MYSQL_BIND>

    /// Where Connector/C puts a column of the present row.
    private final class Column {
        var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 8)
        let length = UnsafeMutablePointer<UInt>.allocate(capacity: 1)
        let isNull = UnsafeMutablePointer<my_bool>.allocate(capacity: 1)

        deinit {
            buffer.deallocate()
            length.deallocate()
            isNull.deallocate()
        }

        func grow(to size: Int) {
            buffer.deallocate()
            buffer = .allocate(byteCount: size, alignment: 8)
        }

        var bind: MYSQL_BIND {
            var bind = MYSQL_BIND()
            bind.buffer_type = MYSQL_TYPE_STRING
            bind.buffer = buffer.baseAddress
            bind.buffer_length = UInt(buffer.count)
            bind.length = length
            bind.is_null = isNull
            return bind
        }
    }

    /// Prepares a statement. A failure here has changed nothing on the server.
    init(_ mysql: UnsafeMutablePointer<MYSQL>, _ sql: String, _ reads: ConnectionReads) throws(MySQLError) {
        guard let statement = mysql_stmt_init(mysql) else {
            throw MySQLError(.connectionLost, "Connector/C is out of memory", serverCode: mysql_errno(mysql))
        }
        self.statement = statement
        self.reads = reads
        isRead = sql.hasPrefix("SELECT")
        parameterBinds = .init(start: nil, count: 0)
        columnBinds = .init(start: nil, count: 0)
        var sql = sql
        let failed = sql.withUTF8 { text in
            text.withMemoryRebound(to: CChar.self) { text in
                reads.limited {
                    mysql_stmt_prepare(statement, text.baseAddress, UInt(text.count)) != 0
                }
            }
        }
        if failed {
            let error = failure(parameters: [], wasSent: false)
            close()
            throw error
        }
        parameterBinds = .allocate(capacity: Int(mysql_stmt_param_count(statement)))
        parameterBinds.initialize(repeating: MYSQL_BIND())
    }

    deinit {
        parameterBinds.deallocate()
        columnBinds.deallocate()
    }

    /// Closes the statement on the server too.
    func close() {
        mysql_stmt_close(statement)
    }

    /// Sends the statement and hands over its rows. See ``MySQLConnection/query(_:_:maximumRows:row:)``.
    func execute(
        _ parameters: [MySQLParameter], maximumRows: Int, row: (MySQLRow) -> Void
    ) throws(MySQLError) -> UInt64 {
        // A server that can't be trusted may say anything.
        guard parameters.count == parameterBinds.count else {
            throw MySQLError(
                .protocolViolation,
                "the server wants \(parameterBinds.count) parameters for a statement with \(parameters.count)")
        }
        guard send(parameters) else { throw failure(parameters: parameters, wasSent: true) }
        if mysql_stmt_field_count(statement) == 0 { return mysql_stmt_affected_rows(statement) }
        try bindColumns(Int(mysql_stmt_field_count(statement)))
        var rows = 0
        while true {
            switch mysql_stmt_fetch(statement) {
            case 0, MYSQL_DATA_TRUNCATED:
                rows += 1
                guard rows <= maximumRows else {
                    throw MySQLError(
                        .protocolViolation, "the server answers with more than the \(maximumRows) rows asked for",
                        mayHaveBeenApplied: !isRead)
                }
                try fetchLongColumns(parameters)
                row(MySQLRow(statement: self))
            case MYSQL_NO_DATA:
                mysql_stmt_free_result(statement)
                return UInt64(rows)
            default:
                throw failure(parameters: parameters, wasSent: true)
            }
        }
    }

    var columnCount: Int { columns.count }

    func withColumn<T>(_ index: Int, _ body: (UnsafeRawBufferPointer?) -> T) -> T {
        let column = columns[index]
        if column.isNull.pointee != 0 { return body(nil) }
        return body(UnsafeRawBufferPointer(rebasing: column.buffer[..<Int(column.length.pointee)]))
    }

    private func send(_ parameters: [MySQLParameter]) -> Bool {
        // The texts' bytes in one block, which stays where it is while Connector/C reads it.
        var size = 0
        for case .text(let text) in parameters { size += text.utf8.count }
        return withUnsafeTemporaryAllocation(byteCount: max(size, 1), alignment: 1) { block in
            withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(parameters.count, 1)) { integers in
                var used = 0
                for (index, parameter) in parameters.enumerated() {
                    var bind = MYSQL_BIND()
                    switch parameter {
                    case .text(var text):
                        bind.buffer_type = MYSQL_TYPE_STRING
                        bind.buffer = block.baseAddress! + used
                        text.withUTF8 { bytes in
                            UnsafeMutableRawBufferPointer(rebasing: block[used...]).copyMemory(
                                from: UnsafeRawBufferPointer(bytes))
                            bind.buffer_length = UInt(bytes.count)
                            used += bytes.count
                        }
                    case .integer(let integer):
                        integers.baseAddress!.advanced(by: index).initialize(to: integer)
                        bind.buffer_type = MYSQL_TYPE_LONGLONG
                        bind.buffer = UnsafeMutableRawPointer(integers.baseAddress! + index)
                    case .null:
                        bind.buffer_type = MYSQL_TYPE_NULL
                    }
                    parameterBinds[index] = bind
                }
                if !parameters.isEmpty, mysql_stmt_bind_param(statement, parameterBinds.baseAddress) != 0 {
                    return false
                }
                return reads.limited { mysql_stmt_execute(statement) == 0 }
            }
        }
    }

    /// Their number is known only from the answer: MySQL prepares SHOW without it.
    private func bindColumns(_ count: Int) throws(MySQLError) {
        guard count <= Self.maximumColumns else {
            throw MySQLError(
                .protocolViolation, "the server answers with \(count) columns", mayHaveBeenApplied: !isRead)
        }
        if count != columns.count {
            columns = (0..<count).map { _ in Column() }
            columnBinds.deallocate()
            columnBinds = .allocate(capacity: count)
            columnBinds.initialize(repeating: MYSQL_BIND())
        }
        for (index, column) in columns.enumerated() {
            if column.buffer.count > Self.keptBufferSize { column.grow(to: 256) }
            columnBinds[index] = column.bind
        }
        mysql_stmt_bind_result(statement, columnBinds.baseAddress)
    }

    /// Fetches again what was longer than its buffer, into one that is long enough.
    private func fetchLongColumns(_ parameters: [MySQLParameter]) throws(MySQLError) {
        var grew = false
        for (index, column) in columns.enumerated()
        where column.isNull.pointee == 0 && Int(column.length.pointee) > column.buffer.count {
            column.grow(to: Int(column.length.pointee))
            columnBinds[index] = column.bind
            guard mysql_stmt_fetch_column(statement, &columnBinds[index], UInt32(index), 0) == 0 else {
                throw failure(parameters: parameters, wasSent: true)
            }
            grew = true
        }
        if grew { mysql_stmt_bind_result(statement, columnBinds.baseAddress) }
    }

    private func failure(parameters: [MySQLParameter], wasSent: Bool) -> MySQLError {
        let error = MySQLError.ofConnectorC(
            code: mysql_stmt_errno(statement), sqlState: mysql_stmt_sqlstate(statement), message: "",
            changesData: wasSent && !isRead)
        if reads.isExceeded {
            return MySQLError(
                .protocolViolation,
                "the server sends more than the \(ConnectionReads.maximumDescription) bytes that an answer can have before a first row",
                mayHaveBeenApplied: error.mayHaveBeenApplied)
        }
        guard error.code == .server, let code = error.serverCode else { return error }
        let text = Self.withoutData(String(cString: mysql_stmt_error(statement)), code, parameters)
        return MySQLError(
            .server, text, serverCode: code, sqlState: error.sqlState, mayHaveBeenApplied: error.mayHaveBeenApplied)
    }

    /// The server's message, without what it quotes of keys and values.
    private static func withoutData(_ message: String, _ code: UInt32, _ parameters: [MySQLParameter]) -> String {
        let quotesParameter = parameters.contains {
            guard case .text(let text) = $0 else { return false }
            return text.utf8.count > 2 && message.contains(text.prefix(16))
        }
        guard quotesParameter || ServerErrorCode.quotesData.contains(code) else { return message.escaped() }
        let start = message.firstIndex { $0 == "'" || $0 == "\"" } ?? message.startIndex
        return message[..<start].description.escaped() + "<the data it quotes is left out>"
    }
}
