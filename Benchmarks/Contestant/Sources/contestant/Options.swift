import FedifyMySQL
import Workloads

#if EVENT_LOOPS
    import NIOPosix
#endif

/// What the command line asks for:
///
///     contestant URL TABLE COMMAND [--callers N] [--seconds S] [--warm-up S] [--rows N]
///         [--coalescing on|off] [--executor cooperative|loops] [--observed on|off]
///
/// COMMAND is a workload, `set-many`, or one of ``Loading`` or ``Memory``.
struct Options {
    let url: String
    let table: String
    let command: String
    var callers = 1
    var seconds = 3.0
    var warmUp = 0.5
    /// Of `load`: the documents; of `load-many` and `list-many`: all rows.
    var rows = 100_000
    var coalesces = true
    var isOnEventLoops = false
    var isObserved = false

    init(_ arguments: [String]) throws {
        guard arguments.count >= 3, arguments.count % 2 == 1 else { throw Failure("usage: URL TABLE COMMAND …") }
        (url, table, command) = (arguments[0], arguments[1], arguments[2])
        for index in stride(from: 3, to: arguments.count, by: 2) {
            let (name, text) = (arguments[index], arguments[index + 1])
            func value<T>(_ value: T?) throws -> T {
                guard let value else { throw Failure("\(name) can't be \(text)") }
                return value
            }
            func choice(_ no: String, _ yes: String) -> Bool? { text == yes ? true : text == no ? false : nil }
            switch name {
            case "--callers": callers = try value(Int(text))
            case "--seconds": seconds = try value(Double(text))
            case "--warm-up": warmUp = try value(Double(text))
            case "--rows": rows = try value(Int(text))
            case "--coalescing": coalesces = try value(choice("off", "on"))
            case "--executor": isOnEventLoops = try value(choice("cooperative", "loops"))
            case "--observed": isObserved = try value(choice("off", "on"))
            default: throw Failure("there is no option \(name)")
            }
        }
    }

    /// The workloads' rows.
    var workloadRows: Rows {
        var result = Rows()
        result.documents = UInt32(rows)
        return result
    }

    /// Where the callers' tasks run; none: on Swift's own pool of threads.
    var executors: [any TaskExecutor] {
        #if EVENT_LOOPS
            isOnEventLoops ? LoopExecutor.all : []
        #else
            []
        #endif
    }

    /// The store that takes part.
    func store(_ change: (inout MySQLConfiguration) -> Void = { _ in }) throws -> MySQLKvStore {
        var configuration = try MySQLConfiguration(url: url)
        if isObserved {
            configuration.observability.metrics = AddedMetrics()
            configuration.observability.tracer = ForgetfulTracer()
        }
        if isOnEventLoops {
            #if EVENT_LOOPS
                configuration.pool.eventLoopGroup = MultiThreadedEventLoopGroup.singleton
                configuration.pool.hasShardPerEventLoop = true
            #else
                throw Failure("this version's pools don't know of event loops")
            #endif
        }
        change(&configuration)
        var options = MySQLKvStoreOptions()
        options.tableName = table
        options.upkeep.isAutomatic = false
        options.coalescing.isEnabled = coalesces
        return try MySQLKvStore(MySQLPool(configuration), options: options)
    }
}

/// A contestant can't go on.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
