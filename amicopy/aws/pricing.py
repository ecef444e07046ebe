"""The Price List API, as far as amicopy needs it. Raises the errors of `amicopy.aws.errors`.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

from collections.abc import Sequence

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors

# It is served in few Regions, and says the same in each.
REGION = "us-east-1"


@typed_errors()
def products(account: AwsAccount, service: str, filters: Sequence[tuple[str, str, str]]) -> list[str]:
    """Every product of a service that fits all filters, each (type, field, value); as the JSON texts of the answer."""
    found: list[str] = []
    query = [{"Type": kind, "Field": field, "Value": value} for kind, field, value in filters]
    pages = client("pricing", account, REGION).pages(
        "get_products", ServiceCode=service, Filters=query, FormatVersion="aws_v1"
    )
    for page in pages:
        found += page["PriceList"]
    return found
