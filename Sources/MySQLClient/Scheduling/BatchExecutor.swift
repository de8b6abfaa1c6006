/// Executes a batch of a lane's requests on the connection's event loop.
///
/// The connection belongs to the batch until it calls the last argument, once, with a closure that answers the callers.
/// That closure runs after the next batch was sent.
///
/// (A closure, since the compiler specializes generic code in one, but not the witness of a generic type.)
package typealias BatchExecutor =
    @Sendable (
        _ requests: [ScheduledRequest], _ connection: MySQLConnection,
        _ done: @escaping (_ answer: @escaping () -> Void) -> Void
    ) -> Void
