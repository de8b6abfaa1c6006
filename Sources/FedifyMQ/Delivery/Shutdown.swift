#if ServiceLifecycle
    import ServiceLifecycle
#endif

/// Runs an operation that ends by itself after it was told to: when its task is cancelled, or, with the trait
/// ServiceLifecycle, when the service group shuts down.
///
/// - Parameters:
///   - isolation: The caller's, where the operation runs.
///   - operation: The operation.
///   - onShutdown: Called at the shutdown; possibly twice.
/// - Returns: What the operation returns.
package func withShutdownHandler<T>(
    isolation: isolated (any Actor)? = #isolation, _ operation: () async -> T,
    onShutdown: @escaping @Sendable () -> Void
) async -> T {
    await withTaskCancellationHandler {
        #if ServiceLifecycle
            await withGracefulShutdownHandler(operation: operation) { onShutdown() }
        #else
            await operation()
        #endif
    } onCancel: {
        onShutdown()
    }
}
