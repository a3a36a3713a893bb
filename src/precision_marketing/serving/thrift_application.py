"""What spark-submit runs to serve a warehouse: Spark's thrift server, in which closing a session does not hang.

Spark 4 ships Hive's classes without those of LLAP. Hive looks for them when it lists its own functions, which Spark has
no use for, and it can come to that at the end of any session, where its connection to the metastore is not the one
that it expects. The search fails, Hive does not notice, and from then on whoever comes to the same point waits for it
for ever. SPARK-51041 names the same classes, for Spark's own tests. So Hive is told that its functions are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView

LISTED = 2  # Hive.REG_FUNCS_DONE


def skip_hive_functions(jvm: JVMView) -> None:
    """Set the counter ``Hive.didRegisterAllFuncs`` in ``jvm`` to done.

    By handles inside the JVM, since py4j passes numbers by value. Raises Py4JJavaError where Hive has no such counter.
    """
    lang, handles = jvm.java.lang, jvm.java.lang.invoke.MethodHandles
    field = lang.Class.forName("org.apache.hadoop.hive.ql.metadata.Hive").getDeclaredField("didRegisterAllFuncs")
    field.setAccessible(True)
    lookup = handles.publicLookup()
    kind = jvm.java.lang.invoke.MethodType.methodType(lang.Void.TYPE, lang.Integer.TYPE)
    setter = lookup.findVirtual(field.getType(), "set", kind)
    handles.collectArguments(setter, 0, lookup.unreflectGetter(field)).invokeWithArguments(
        jvm.java.util.List.of(LISTED)
    )


def main() -> None:
    """Start Spark's own server in the JVM that spark-submit started; it stays when this program ends."""
    from pyspark.java_gateway import launch_gateway

    gateway = launch_gateway()
    skip_hive_functions(gateway.jvm)
    no_arguments = gateway.new_array(gateway.jvm.java.lang.String, 0)
    gateway.jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2.main(no_arguments)


if __name__ == "__main__":
    main()
