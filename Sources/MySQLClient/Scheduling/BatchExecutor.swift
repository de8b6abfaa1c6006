/// Carries a batch of a lane's requests out, on the connection's event loop.
///
/// The connection is the batch's until the last argument is called: once, when nothing of the batch is under way any
/// more, with what answers the callers. That runs after the next batch has gone out.
///
/// (A closure, as the compiler specializes what is generic in one, but not the witness of a generic type.)
package typealias BatchExecutor =
    @Sendable (
        _ requests: [ScheduledRequest], _ connection: MySQLConnection,
        _ done: @escaping (_ answer: @escaping () -> Void) -> Void
    ) -> Void
