"""How honest and how useful is the confidence on streams whose truth is known?"""
